"""What people are told of failures, and which of them may be gone on the next try."""

from __future__ import annotations

import errno
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ResponseStreamingError

from etl.describe import describe_error
from etl.errors import EtlError, SourceError, StorageError, WarehouseError
from etl.passing import may_pass
from etl.storage import explain_storage_errors


def refused(code: str, message: str = "", *, status: int = 400, **headers: str) -> ClientError:
    answer: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},
    }
    return ClientError(answer, "PutObject")


def test_describe_error_of_ours_is_its_message_and_fix() -> None:
    assert describe_error(EtlError("it is broken", fix="mend it")) == "it is broken\n  fix: mend it"


def test_describe_error_of_another_names_its_class() -> None:
    assert describe_error(ValueError("no")) == "ValueError: no"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("RequestTimeTooSkewed", "The difference … is too large."),
        ("InvalidSignatureException", "Signature expired: 20260101T000000Z is now earlier than …"),
        ("SignatureDoesNotMatch", "Signature not yet current: 20260101T000000Z is still later …"),
    ],
)
@pytest.mark.parametrize(("minutes", "words"), [(20, "20 minutes behind"), (-7, "7 minutes ahead")])
def test_describe_error_of_a_wrong_clock_says_how_wrong_it_is(
    code: str, message: str, minutes: int, words: str
) -> None:
    theirs = datetime.now(UTC) + timedelta(minutes=minutes)
    error = refused(code, message, date=format_datetime(theirs, usegmt=True))
    assert f"\n  fix: set this machine's clock, which is {words}," in describe_error(error)


def test_describe_error_of_a_wrong_clock_bears_an_answer_without_a_date() -> None:
    assert "set this machine's clock, and run" in describe_error(refused("RequestTimeTooSkewed"))


def test_wrong_clock_is_not_taken_for_wrong_credentials() -> None:
    with pytest.raises(StorageError, match="refused the time of a request") as caught:
        with explain_storage_errors("s3://bucket/key"):
            raise refused("RequestTimeTooSkewed", status=403)
    assert "clock" in caught.value.fix


def test_describe_error_of_expired_credentials_says_to_sign_in() -> None:
    assert "fix: the AWS credentials have expired" in describe_error(
        refused("ExpiredTokenException")
    )


def test_describe_error_of_a_full_disk_names_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/small")
    told = describe_error(OSError(errno.ENOSPC, "No space left on device"))
    assert told.endswith(
        "No space left on device\n"
        "  fix: make room in /small, or let TMPDIR name a place with more, and run again"
    )


@pytest.mark.parametrize(
    ("cause", "passes"),
    [
        (refused("SlowDown", status=503), True),
        (refused("InternalServiceException", status=500), True),
        (refused("ConcurrentModificationException"), True),
        (refused("SomethingNobodyKnows", status=502), True),
        (ResponseStreamingError(error="it broke off"), True),
        (refused("AccessDenied", status=403), False),
        (refused("ConcurrentRunsExceededException"), False),
        (ValueError("no"), False),
    ],
)
@pytest.mark.parametrize("kind", [SourceError, WarehouseError])
def test_explained_failure_passes_as_its_cause_does(
    kind: type[EtlError], cause: Exception, passes: bool
) -> None:
    explained = kind("it failed")
    explained.__cause__ = cause
    assert (may_pass(cause), may_pass(explained)) == (passes, passes)


def test_place_that_could_not_be_reached_is_not_tried_for_still_longer() -> None:
    explained = StorageError("cannot reach S3")
    explained.__cause__ = EndpointConnectionError(endpoint_url="https://aws")
    assert not may_pass(explained)


def test_failure_with_no_cause_does_not_pass() -> None:
    assert not may_pass(SourceError("it makes no sense"))
