"""What botocore makes of answers that say less than it takes them to say."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

from botocore.credentials import Credentials, RefreshableCredentials
from botocore.exceptions import ClientError, ConnectionClosedError

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_LONGEST_PAUSE_SECONDS = 1.0
_RENEWED = "prefect-aws-etl-renewed"
# Without a token of the caller's that would tell a repeated request from another one.
_NOT_REPEATED = ("needs-retry.glue.StartJobRun",)


def hear_answers_out(client: Any, *, max_attempts: int) -> None:
    """Let no half of an answer pass for a whole one, nor a lost one for a refusal.

    botocore does not hold what it has read against Content-Length, takes half a JSON document for
    an empty one, and of half an XML one makes an error that quotes it, credentials included. Such a
    call is made again, as after a lost connection. A call that must not be
    made twice unheard is left to its caller, who can look whether it was carried out.
    """
    client.meta.events.register("before-parse", _hide_cut)
    client.meta.events.register("needs-retry", partial(_ask_again, max_attempts))
    for event in _NOT_REPEATED:
        client.meta.events.register(event, _tell_caller)


def renew_expired(client: Any, credentials: Credentials, *, forget: Callable[[], object]) -> None:
    """Make a call again, once, whose credentials AWS says have expired though they should not have.

    Clocks differ, and roles' sessions can be revoked. Credentials that cannot be renewed stay as
    they are, and the refusal is the caller's.

    Args:
        forget: Called before others are asked for.
    """
    if isinstance(credentials, RefreshableCredentials):
        client.meta.events.register("needs-retry", partial(_renew, credentials, forget))


def _ask_again(max_attempts: int, *, attempts: int, **call: Any) -> float | None:
    if not _is_cut(**call):
        return None
    if attempts >= max_attempts:
        raise ConnectionClosedError(endpoint_url=call["request_dict"]["url"])
    return random.uniform(0, _LONGEST_PAUSE_SECONDS)


def _hide_cut(*, operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """Let an answer that is cut be read as a failure without a word; who asks again sees it."""
    if operation_model.http.get("method") == "HEAD" or _is_stream(operation_model):
        return
    if _is_short(response_dict["headers"], response_dict["body"]):
        response_dict |= {"status_code": 500, "body": b""}


def _tell_caller(
    *, response: Any, caught_exception: Exception | None, operation: Any, **call: Any
) -> None:
    if caught_exception is not None:
        raise caught_exception
    http, parsed = response
    if http.status_code >= 500:
        raise ClientError(parsed, operation.name)
    if _is_cut(response=response, operation=operation, **call):
        raise ConnectionClosedError(endpoint_url=call["request_dict"]["url"])


def _is_cut(*, response: Any, operation: Any, request_dict: Any, **_: Any) -> bool:
    if response is None or _is_stream(operation) or request_dict["method"] == "HEAD":
        return False
    http, _parsed = response
    return _is_short(http.headers, http.content)


def _is_stream(operation: Any) -> bool:
    return bool(operation.has_streaming_output or operation.has_event_stream_output)


def _is_short(headers: Any, content: bytes) -> bool:
    stated = headers.get("Content-Length")
    return stated is not None and len(content) < int(stated)


def _renew(
    credentials: Any,
    forget: Callable[[], object],
    *,
    response: Any,
    request_dict: dict[str, Any],
    **_: Any,
) -> float | None:
    if response is None or request_dict["context"].get(_RENEWED):
        return None
    http, parsed = response
    if http.status_code < 300:  # what an answer calls Error may be something else
        return None
    code = parsed.get("Error", {}).get("Code", "")
    # The answer to HEAD has no body to say more in.
    if code not in _EXPIRED and not (request_dict["method"] == "HEAD" and http.status_code == 400):
        return None
    request_dict["context"][_RENEWED] = True
    forget()
    credentials._expiry_time = credentials._time_fetcher()  # there is no public way to say so
    return 0.0
