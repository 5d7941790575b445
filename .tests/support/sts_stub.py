"""An STS that grants what it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from aws import clients

ROLE = "arn:aws:iam::123456789012:role/flow"


@contextmanager
def stub_sts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """What STS answers to all sessions, in order; nothing else is asked of it.

    Its `asked_by` are the keys that asked.
    """
    monkeypatch.setattr(clients, "_granted", {})
    stubbed: Any = boto3.client("sts")
    make = boto3.Session.client

    def make_stubbed(session: boto3.Session, service: str, **options: Any) -> Any:
        if service != "sts":
            return make(session, service, **options)  # type: ignore[call-overload]
        asked_by.append(options["aws_access_key_id"])
        return stubbed

    asked_by: list[str] = []
    monkeypatch.setattr(boto3.Session, "client", make_stubbed)
    with Stubber(stubbed) as stubber:
        stubber.asked_by = asked_by  # type: ignore[attr-defined]
        yield stubber
        stubber.assert_no_pending_responses()


def grant(sts: Stubber, key: str, *, role: str = ROLE, minutes: float = 60) -> None:
    """Let STS grant a role, next."""
    granted = {
        "AccessKeyId": key,
        "SecretAccessKey": "s" * 20,
        "SessionToken": "t" * 20,
        "Expiration": datetime.now(UTC) + timedelta(minutes=minutes),
    }
    expected = {"RoleArn": role, "RoleSessionName": "prefect-aws-etl"}
    sts.add_response("assume_role", {"Credentials": granted}, expected)


def key_of(client: Any) -> str:
    """The key that the client's next request is signed with."""
    return str(client._request_signer._credentials.get_frozen_credentials().access_key)
