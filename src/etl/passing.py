"""Which failures may be gone on the next try: the network's, and AWS asking for patience."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

_PASSING = {
    "InternalError",
    "InternalFailure",
    "InternalServerException",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}


def may_pass(error: object) -> bool:
    """Whether a second try can mend it."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code") in _PASSING
    return isinstance(error, (BotoCoreError, ConnectionError))
