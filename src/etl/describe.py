"""What a person is told of a failure that nobody has explained on its way up."""

from __future__ import annotations

import errno
import os
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from etl.errors import EtlError

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
# S3 has a code of its own; the others say it of the signature.
_CLOCK_CODE = "RequestTimeTooSkewed"
_CLOCK_WORDS = re.compile(r"Signature (expired|not yet current)")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def describe_error(error: Exception) -> str:
    """The failure in words, with the fix where there is one that fits."""
    if isinstance(error, EtlError):
        return str(error)
    if isinstance(error, ResponseParserError):  # it quotes the answer, which may hold credentials
        return (
            "an answer of AWS, or of a proxy on the way, cannot be read\n"
            "  fix: run again; see what answers on the way to AWS if it stays so"
        )
    told, fix = f"{type(error).__name__}: {error}", find_fix(error)
    return f"{told}\n  fix: {fix}" if fix else told


def find_fix(error: Exception) -> str:
    """What to do where the caller is at fault, whatever was called; "" if it is not."""
    if isinstance(error, OSError) and error.errno in _FULL:
        place = os.environ.get("TMPDIR", "/tmp")
        return f"make room in {place}, or let TMPDIR name a place with more, and run again"
    if not isinstance(error, ClientError):
        return ""
    refused = error.response.get("Error", {})
    code = refused.get("Code", "")
    if code == _CLOCK_CODE or _CLOCK_WORDS.search(refused.get("Message", "")):
        return f"set this machine's clock{_how_wrong(error)}, and run again"
    return "the AWS credentials have expired: sign in again" if code in _EXPIRED else ""


def _how_wrong(error: ClientError) -> str:
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    if "date" not in headers:
        return ""
    ahead = datetime.now(UTC) - parsedate_to_datetime(headers["date"])
    minutes = round(abs(ahead) / timedelta(minutes=1))
    return f", which is {minutes} minutes {'ahead' if ahead > timedelta() else 'behind'}"
