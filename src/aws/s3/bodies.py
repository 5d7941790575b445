"""Read objects whole though connections break: botocore asks again only before a body begins."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import HTTPClientError, IncompleteReadError

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

_MAX_ATTEMPTS = 5
_LONGEST_PAUSE_SECONDS = 1.0


def read_whole(
    ask: Callable[[], GetObjectOutputTypeDef],
) -> tuple[GetObjectOutputTypeDef, bytes]:
    """S3's answer and its body, which is asked for again when it breaks off.

    Args:
        ask: Calls GetObject.
    """
    for attempt in range(1, _MAX_ATTEMPTS + 1):
        answer = ask()
        try:
            return answer, answer["Body"].read()
        except (HTTPClientError, IncompleteReadError):
            if attempt == _MAX_ATTEMPTS:
                raise
        time.sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS))
    raise AssertionError("the last attempt returns or raises")
