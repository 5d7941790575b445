"""An AWS error in the words of the protocol that the caller speaks."""

from __future__ import annotations

import json
import uuid
from typing import Any
from xml.sax.saxutils import escape

_DENIALS = {
    "apigateway": ("403 Forbidden", "AccessDeniedException"),
    "lambda": ("403 Forbidden", "AccessDeniedException"),
    "sns": ("403 Forbidden", "AuthorizationError"),
}
_PLAIN_DENIALS = {"iam", "monitoring", "redshift", "s3", "sqs", "sts"}

Answer = tuple[str, list[tuple[str, str]], bytes]  # WSGI's status and headers, and the body


def error(environ: dict[str, Any], service: str, status: str, code: str, message: str) -> Answer:
    """Say `code` and `message` as `service` would say it to this request.

    Args:
        status: As "403 Forbidden".
    """
    request_id = str(uuid.uuid4())
    if environ.get("HTTP_SMITHY_PROTOCOL") == "rpc-v2-cbor":
        kind, body = "application/cbor", _cbor({"__type": code, "message": message})
        extra = [("smithy-protocol", "rpc-v2-cbor")]
    elif service == "s3":
        kind, extra = "application/xml", []
        body = _xml(f"<Error>{_code(code, message)}<RequestId>{request_id}</RequestId></Error>")
    elif environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        kind, extra = "text/xml", []
        body = _xml(
            f"<ErrorResponse><Error><Type>Sender</Type>{_code(code, message)}</Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    else:
        kind, extra = "application/json", [("x-amzn-errortype", code)]
        body = json.dumps({"__type": code, "message": message, "Message": message}).encode()
    headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
    return status, [*headers, ("x-amzn-requestid", request_id), *extra], body


def denial(service: str) -> tuple[str, str]:
    """Status and code by which a service says that its caller may not."""
    if service in _PLAIN_DENIALS:
        return "403 Forbidden", "AccessDenied"
    return _DENIALS.get(service, ("400 Bad Request", "AccessDeniedException"))


def _code(code: str, message: str) -> str:
    return f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"


def _xml(text: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()


def _cbor(fields: dict[str, str]) -> bytes:
    encoded = [bytes([0xA0 + len(fields)])]  # a map of so many pairs
    for word in (word for pair in fields.items() for word in pair):
        content = word.encode()
        encoded += [b"\x79", len(content).to_bytes(2, "big"), content]  # text, two bytes of length
    return b"".join(encoded)
