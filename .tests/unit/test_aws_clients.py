"""How clients send what they send, and as whom."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from aws import clients
from aws.clients import AwsConfig, make_client

MIB = 1024 * 1024


@pytest.fixture
def sent() -> Iterator[tuple[Any, list[Any]]]:
    """An S3 client with a bucket "bucket", and the requests that it will have sent."""
    with mock_aws():
        s3 = make_client("s3", AwsConfig(region="us-east-1"))
        s3.create_bucket(Bucket="bucket")
        requests: list[Any] = []
        s3.meta.events.register_first(
            "before-send.s3", lambda request, **_: requests.append(request)
        )
        yield s3, requests


@pytest.mark.parametrize(("size", "asks_first"), [(0, False), (MIB, False), (MIB + 1, True)])
def test_s3_client_asks_first_whether_s3_wants_a_large_body(
    sent: tuple[Any, list[Any]], size: int, asks_first: bool
) -> None:
    s3, requests = sent
    s3.put_object(Bucket="bucket", Key="k", Body=bytes(size))
    assert ("Expect" in requests[0].headers) is asks_first


def test_s3_client_signs_the_checksum_in_place_of_the_body(sent: tuple[Any, list[Any]]) -> None:
    s3, requests = sent
    s3.put_object(Bucket="bucket", Key="k", Body=b"abc", ChecksumSHA256="x" * 44)
    headers = requests[0].headers
    assert headers["X-Amz-Content-SHA256"] == b"UNSIGNED-PAYLOAD"
    assert b"x-amz-checksum-sha256" in headers["Authorization"]


ROLE = "arn:aws:iam::123456789012:role/flow"
OTHER_ROLE = "arn:aws:iam::210987654321:role/reader"


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """What STS answers to all sessions, in order; nothing else is asked of it."""
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


def test_clients_of_one_role_ask_sts_once(sts: Stubber) -> None:
    config = AwsConfig(region="us-east-1", role_arn=ROLE)
    grant(sts, "ASIAFIRST0000000")

    keys = {key_of(make_client(service, config)) for service in ("s3", "glue", "athena")}

    assert keys == {"ASIAFIRST0000000"}


def test_client_renews_its_roles_credentials_before_they_expire(sts: Stubber) -> None:
    grant(sts, "ASIAFIRST0000000", minutes=5)
    client = make_client("glue", AwsConfig(region="us-east-1", role_arn=ROLE))
    grant(sts, "ASIASECOND000000")

    assert key_of(client) == "ASIASECOND000000"
    assert key_of(client) == "ASIASECOND000000"


def test_role_of_another_account_is_assumed_as_the_environments_role(sts: Stubber) -> None:
    grant(sts, "ASIAFIRST0000000")
    grant(sts, "ASIAOTHER0000000", role=OTHER_ROLE)

    client = make_client(
        "s3", AwsConfig(region="us-east-1", role_arn=ROLE, other_role_arn=OTHER_ROLE)
    )

    assert key_of(client) == "ASIAOTHER0000000"
    assert sts.asked_by == ["testing", "ASIAFIRST0000000"]  # type: ignore[attr-defined]


def test_role_that_may_not_be_assumed_is_told_when_the_client_is_made(sts: Stubber) -> None:
    sts.add_client_error("assume_role", "AccessDenied", "not authorized", 403)

    with pytest.raises(ClientError, match="AssumeRole operation: not authorized"):
        make_client("s3", AwsConfig(region="us-east-1", role_arn=ROLE))
