"""Invoke a function and wait for its answer."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class FunctionError(RuntimeError):
    """The function raised, crashed or ran out of time or memory.

    Attributes:
        error_type: The exception's class, or Lambda's own word such as "Sandbox.Timedout".
        error_message: What the exception said.
        log_tail: The end of the invocation's log, at most 4 KB.
    """

    def __init__(self, function_name: str, error_type: str, error_message: str, log_tail: str):
        super().__init__(function_name, error_type, error_message, log_tail)
        self.function_name = function_name
        self.error_type = error_type
        self.error_message = error_message
        self.log_tail = log_tail

    def __str__(self) -> str:
        return f"function {self.function_name}: {self.error_type}: {self.error_message}"


def invoke(client: LambdaClient, *, function_name: str, payload: Any) -> Any:
    """Call the function with a JSON value and return the JSON value that it replies.

    The client's read timeout must be above the function's own, or the answer is lost and botocore
    invokes the function again: what it does must bear that.

    Raises:
        FunctionError: The function failed.
        ClientError: There is no such function, it is throttled, or access is denied.
    """
    answer = client.invoke(
        FunctionName=function_name,
        InvocationType="RequestResponse",
        LogType="Tail",
        Payload=json.dumps(payload).encode(),
    )
    body = answer["Payload"].read()
    if "FunctionError" in answer:
        log_tail = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")
        raise _failure(function_name, body, log_tail)
    return json.loads(body)


def _failure(function_name: str, body: bytes, log_tail: str) -> FunctionError:
    try:
        error = json.loads(body)
        kind, message = error.get("errorType", "Unknown"), error.get("errorMessage", "")
    except (ValueError, AttributeError):
        kind, message = "Unknown", body.decode(errors="replace")
    return FunctionError(function_name, kind, message, log_tail)


def invoke_later(client: LambdaClient, *, function_name: str, payload: Any) -> None:
    """Have the function called with a JSON value, and do not wait for it.

    Raises:
        ClientError: There is no such function, it is throttled, or access is denied.
    """
    client.invoke(
        FunctionName=function_name, InvocationType="Event", Payload=json.dumps(payload).encode()
    )
