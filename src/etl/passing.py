"""Which failures may be gone on the next try: the network's, and AWS asking for patience."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError

from etl.errors import EtlError

_PASSING = {
    "ConcurrentModificationException",  # Glue: another writer was at the same table
    "InternalError",
    "InternalFailure",
    "InternalServerException",
    "InternalServiceException",
    "OperationTimeoutException",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}


def may_pass(error: object) -> bool:
    """Whether a second try can mend it.

    An explained failure passes if its cause may, except that a place which could not be reached
    was tried for long enough.
    """
    if isinstance(error, EtlError):
        cause = error.__cause__
        is_heard = isinstance(cause, (ClientError, HTTPClientError, IncompleteReadError))
        return is_heard and may_pass(cause)
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or error.response.get("Error", {}).get("Code") in _PASSING
    return isinstance(error, (BotoCoreError, ConnectionError))
