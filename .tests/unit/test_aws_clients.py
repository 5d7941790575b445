"""How clients send what they send, and as whom."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws
from support.sts_stub import ROLE, grant, key_of, stub_sts
from urllib3.util import connection

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


def test_client_keeps_silent_connections_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    connect = connection.create_connection

    def notice(*where: Any, **options: Any) -> socket.socket:
        made = connect(*where, **options)
        opened.append(made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        made.close()
        raise ConnectionRefusedError

    monkeypatch.setattr(connection, "create_connection", notice)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        client = make_client("lambda", AwsConfig(region="us-east-1", max_attempts=1))
        with pytest.raises(EndpointConnectionError):
            client.invoke(FunctionName="f")
    assert opened and all(opened)


OTHER_ROLE = "arn:aws:iam::210987654321:role/reader"


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with stub_sts(monkeypatch) as stubber:
        yield stubber


def test_clients_of_one_role_ask_sts_once(sts: Any) -> None:
    config = AwsConfig(region="us-east-1", role_arn=ROLE)
    grant(sts, "ASIAFIRST0000000")

    keys = {key_of(make_client(service, config)) for service in ("s3", "glue", "athena")}

    assert keys == {"ASIAFIRST0000000"}


def test_client_renews_its_roles_credentials_before_they_expire(sts: Any) -> None:
    grant(sts, "ASIAFIRST0000000", minutes=5)
    client = make_client("glue", AwsConfig(region="us-east-1", role_arn=ROLE))
    grant(sts, "ASIASECOND000000")

    assert key_of(client) == "ASIASECOND000000"
    assert key_of(client) == "ASIASECOND000000"


def test_role_of_another_account_is_assumed_as_the_environments_role(sts: Any) -> None:
    grant(sts, "ASIAFIRST0000000")
    grant(sts, "ASIAOTHER0000000", role=OTHER_ROLE)

    client = make_client(
        "s3", AwsConfig(region="us-east-1", role_arn=ROLE, other_role_arn=OTHER_ROLE)
    )

    assert key_of(client) == "ASIAOTHER0000000"
    assert sts.asked_by == ["testing", "ASIAFIRST0000000"]


def test_role_that_may_not_be_assumed_is_told_when_the_client_is_made(sts: Any) -> None:
    sts.add_client_error("assume_role", "AccessDenied", "not authorized", 403)

    with pytest.raises(ClientError, match="AssumeRole operation: not authorized"):
        make_client("s3", AwsConfig(region="us-east-1", role_arn=ROLE))
