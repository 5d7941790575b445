"""Call S3 again where botocore has given up, or never tries again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from aws.s3.checksums import ChecksumError

T = TypeVar("T")

_BASE_SECONDS = 0.2
_MOST_SECONDS = 20.0
# Damaged on the way: botocore takes these for the caller's fault.
_DAMAGED = {"BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch"}
_BUSY = {"InternalError", "RequestTimeout", "ServiceUnavailable", "SlowDown", "Throttling"}


def retry(
    call: Callable[[], T], *, attempts: int, wait: Callable[[float], object] = time.sleep
) -> T:
    """Call until it succeeds, at most `attempts` times.

    The pause before the nth try is random between nothing and a bound that doubles ("full jitter",
    AWS Architecture Blog): clients that failed together do not come back together.
    """
    for attempt in range(1, attempts):
        try:
            return call()
        except (ChecksumError, ClientError, ConnectionError, HTTPClientError) as error:
            if not may_pass(error):
                raise
        wait(random.uniform(0, min(_MOST_SECONDS, _BASE_SECONDS * 2**attempt)))
    return call()


def may_pass(error: Exception) -> bool:
    """Whether the same call may succeed later."""
    if not isinstance(error, ClientError):
        return True
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return code in _DAMAGED or code in _BUSY or status >= 500
