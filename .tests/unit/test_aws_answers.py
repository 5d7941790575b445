"""What clients make of answers that say less than they seem to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.parsers import ResponseParserError
from moto.core.botocore_stubber import MockRawResponse
from support.sts_stub import ROLE, grant, key_of, stub_sts

from aws import clients
from aws.clients import AwsConfig, make_client
from etl.describe import describe_error


class Service:
    """Answers a client's requests, one after the other, and keeps the keys they came with."""

    def __init__(self, client: Any, *answers: AWSResponse) -> None:
        self.keys: list[str] = []
        self._answers = iter(answers)
        client.meta.events.register_first("before-send", self._answer)

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        authorization = request.headers["Authorization"].decode()
        self.keys.append(authorization.partition("Credential=")[2].partition("/")[0])
        return next(self._answers)


def answer(content: bytes, *, status: int = 200, stated: int | None = None) -> AWSResponse:
    """An answer that states a length, its own unless told otherwise."""
    headers = {"Content-Length": str(len(content) if stated is None else stated)}
    return AWSResponse("https://aws", status, headers, MockRawResponse(content))


def refusal(code: str, status: int = 400) -> AWSResponse:
    """An error, as services say it that speak JSON."""
    return answer(json.dumps({"__type": code, "message": "no"}).encode(), status=status)


RUNS = b'{"JobRuns": [{"Id": "jr_1"}]}'
STARTED = b'{"JobRunId": "jr_1"}'


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)


@pytest.fixture
def glue() -> Any:
    return make_client("glue", AwsConfig(region="us-east-1", max_attempts=3))


def test_half_an_answer_is_asked_for_again(glue: Any) -> None:
    service = Service(glue, answer(RUNS[:9], stated=len(RUNS)), answer(RUNS))
    assert glue.get_job_runs(JobName="job")["JobRuns"] == [{"Id": "jr_1"}]
    assert len(service.keys) == 2


LISTED = b"""<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult><KeyCount>1</KeyCount><Contents><Key>k</Key></Contents></ListBucketResult>"""
GRANTED = b"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleResult><Credentials><AccessKeyId>granted</AccessKeyId><SecretAccessKey>kept-to-itself</SecretAccessKey>
<SessionToken>t</SessionToken><Expiration>2126-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""


def test_half_an_answer_in_xml_is_asked_for_again() -> None:
    s3 = make_client("s3", AwsConfig(region="us-east-1"))
    service = Service(s3, answer(LISTED[:90], stated=len(LISTED)), answer(LISTED))
    assert s3.list_objects_v2(Bucket="bucket")["Contents"] == [{"Key": "k"}]
    assert len(service.keys) == 2


@pytest.fixture
def role_service(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Service]]:
    """Answers what is asked of STS for a role; the services are those of the clients by then."""
    monkeypatch.setattr(clients, "_granted", {})
    made = boto3.Session.client
    services: list[Service] = []

    def serve(*answers: AWSResponse) -> list[Service]:
        def make(session: boto3.Session, service: str, **options: Any) -> Any:
            client = made(session, service, **options)  # type: ignore[call-overload]
            if service == "sts":
                services.append(Service(client, *answers))
            return client

        monkeypatch.setattr(boto3.Session, "client", make)
        return services

    return serve


def test_half_a_roles_credentials_are_asked_for_again(role_service: Callable[..., Any]) -> None:
    services = role_service(answer(GRANTED[:200], stated=len(GRANTED)), answer(GRANTED))
    client = make_client("s3", AwsConfig(region="us-east-1", role_arn=ROLE))
    assert key_of(client) == "granted"
    assert [len(each.keys) for each in services] == [2]


def test_half_a_roles_credentials_are_in_no_message(role_service: Callable[..., Any]) -> None:
    role_service(*(answer(GRANTED[:200], stated=len(GRANTED)) for _ in range(3)))
    with pytest.raises(ConnectionClosedError) as error:
        make_client("s3", AwsConfig(region="us-east-1", role_arn=ROLE, max_attempts=3))
    assert "kept" not in describe_error(error.value)


def test_answer_that_cannot_be_read_is_in_no_message(role_service: Callable[..., Any]) -> None:
    role_service(answer(GRANTED[:200]))
    with pytest.raises(ResponseParserError) as error:
        make_client("s3", AwsConfig(region="us-east-1", role_arn=ROLE))
    assert describe_error(error.value) == (
        "an answer of AWS, or of a proxy on the way, cannot be read\n"
        "  fix: run again; see what answers on the way to AWS if it stays so"
    )


def test_answer_that_is_never_whole_is_a_lost_connection(glue: Any) -> None:
    service = Service(glue, *(answer(RUNS[:9], stated=len(RUNS)) for _ in range(3)))
    with pytest.raises(ConnectionClosedError):
        glue.get_job_runs(JobName="job")
    assert len(service.keys) == 3


def test_answer_to_head_states_a_length_that_it_does_not_have() -> None:
    s3 = make_client("s3", AwsConfig(region="us-east-1"))
    service = Service(s3, answer(b"", stated=7))
    assert s3.head_object(Bucket="bucket", Key="key")["ContentLength"] == 7
    assert len(service.keys) == 1


@pytest.mark.parametrize(
    "lost",
    [refusal("InternalServiceException", 500), answer(STARTED[:5], stated=len(STARTED))],
    ids=["error", "half"],
)
def test_job_run_that_may_have_been_started_is_not_started_again(
    glue: Any, lost: AWSResponse
) -> None:
    service = Service(glue, lost)
    with pytest.raises((ClientError, ConnectionClosedError)):
        glue.start_job_run(JobName="job")
    assert len(service.keys) == 1


def test_job_run_whose_connection_was_lost_is_not_started_again(glue: Any) -> None:
    sent: list[str] = []

    def lose(request: Any, **_: Any) -> None:
        sent.append(request.method)
        raise ConnectionClosedError(endpoint_url="https://aws")

    glue.meta.events.register_first("before-send", lose)
    with pytest.raises(ConnectionClosedError):
        glue.start_job_run(JobName="job")
    assert len(sent) == 1


def test_job_run_that_glue_was_too_busy_for_is_asked_for_again(glue: Any) -> None:
    service = Service(glue, refusal("ThrottlingException"), answer(STARTED))
    assert glue.start_job_run(JobName="job")["JobRunId"] == "jr_1"
    assert len(service.keys) == 2


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with stub_sts(monkeypatch) as stubber:
        yield stubber


def test_credentials_that_have_expired_early_are_renewed(sts: Any) -> None:
    grant(sts, "ASIAFIRST0000000")
    glue = make_client("glue", AwsConfig(region="us-east-1", role_arn=ROLE))
    grant(sts, "ASIASECOND000000")
    service = Service(glue, refusal("ExpiredTokenException"), answer(RUNS))

    assert glue.get_job_runs(JobName="job")["JobRuns"]

    assert service.keys == ["ASIAFIRST0000000", "ASIASECOND000000"]


def test_expired_credentials_are_renewed_after_head_too(sts: Any) -> None:
    grant(sts, "ASIAFIRST0000000")
    s3 = make_client("s3", AwsConfig(region="us-east-1", role_arn=ROLE))
    grant(sts, "ASIASECOND000000")
    # botocore also asks whether the bucket is in another region.
    service = Service(s3, answer(b"", status=400), answer(b"", stated=7), answer(b"", stated=7))

    assert s3.head_object(Bucket="bucket", Key="key")["ContentLength"] == 7

    assert (service.keys[0], service.keys[-1]) == ("ASIAFIRST0000000", "ASIASECOND000000")


def test_renewed_credentials_are_those_of_later_clients(sts: Any) -> None:
    config = AwsConfig(region="us-east-1", role_arn=ROLE)
    grant(sts, "ASIAFIRST0000000")
    glue = make_client("glue", config)
    grant(sts, "ASIASECOND000000")
    Service(glue, refusal("ExpiredTokenException"), answer(RUNS))
    glue.get_job_runs(JobName="job")

    assert key_of(make_client("s3", config)) == "ASIASECOND000000"


def test_credentials_that_expire_again_are_told_of(sts: Any) -> None:
    grant(sts, "ASIAFIRST0000000")
    glue = make_client("glue", AwsConfig(region="us-east-1", role_arn=ROLE))
    grant(sts, "ASIASECOND000000")
    Service(glue, refusal("ExpiredTokenException"), refusal("ExpiredTokenException"))

    with pytest.raises(ClientError, match="ExpiredToken"):
        glue.get_job_runs(JobName="job")


def test_answer_that_calls_a_text_its_error_is_an_answer(sts: Any) -> None:
    """A failed statement of the Data API: DescribeStatement has a member of that name."""
    grant(sts, "ASIAFIRST0000000")
    client = make_client("redshift-data", AwsConfig(region="us-east-1", role_arn=ROLE))
    failed = b'{"Id": "1", "Status": "FAILED", "Error": "ERROR: no such database"}'
    Service(client, answer(failed))

    assert client.describe_statement(Id="1")["Error"] == "ERROR: no such database"


def test_credentials_that_nobody_renews_are_told_of_at_once(glue: Any) -> None:
    service = Service(glue, refusal("ExpiredTokenException"))
    with pytest.raises(ClientError, match="ExpiredToken"):
        glue.get_job_runs(JobName="job")
    assert len(service.keys) == 1
