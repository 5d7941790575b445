"""A cloud that enforces policies: each service refuses in its own words, and keeps a record."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

PLACE = "us-east-1:123456789012"
ROLE = "arn:aws:iam::123456789012:role/narrow"
SESSION = "arn:aws:sts::123456789012:assumed-role/narrow/visit"
TABLE = [f"arn:aws:glue:{PLACE}:{each}" for each in ("catalog", "database/d", "table/d/mine")]
QUEUE = f"arn:aws:sqs:{PLACE}:mine"
FUNCTION = f"arn:aws:lambda:{PLACE}:function:echo"
Connect = Callable[[str], Any]


def allow(actions: str, resources: str | list[str], **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions.split(), "Resource": resources} | more


STATEMENTS = [
    allow("s3:PutObject s3:GetObject s3:DeleteObject", "arn:aws:s3:::shared/mine/*"),
    allow("glue:GetTable", TABLE),
    allow("sqs:SendMessage", QUEUE),
    allow("lambda:InvokeFunction", FUNCTION),
    allow(
        "cloudwatch:PutMetricData",
        "*",
        Condition={"StringEquals": {"cloudwatch:namespace": "mine"}},
    ),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("enforcing") / "home"


@pytest.fixture(scope="module")
def root(home: Path, run_cloud: Callable[..., CompletedProcess[str]]) -> Iterator[Connect]:
    """Clients of an enforcing cloud with the key that may do anything."""
    modes = {"LOCAL_CLOUD_IAM": "enforce", "LOCAL_CLOUD_ACCESS_LOG": ""}
    done = run_cloud(home, "attach", "--bare", "--owner", str(os.getpid()), **modes)
    assert done.returncode == 0, done.stderr
    variables = dict(line.split("=", 1) for line in done.stdout.splitlines())
    yield lambda service: boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
    )
    run_cloud(home, "down")


@pytest.fixture(scope="module")
def role(root: Connect) -> Connect:
    """Clients of the same cloud, under a role that may little."""
    provide(root)
    given = root("sts").assume_role(RoleArn=ROLE, RoleSessionName="visit")["Credentials"]
    endpoint = root("sts").meta.endpoint_url
    return lambda service: boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


def provide(root: Connect) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
    trust["Action"] = "sts:AssumeRole"
    root("iam").create_role(RoleName="narrow", AssumeRolePolicyDocument=document([trust]))
    put_policy(root, STATEMENTS)
    root("s3").create_bucket(Bucket="shared")
    root("s3").put_object(Bucket="shared", Key="theirs/k", Body=b"theirs")
    root("glue").create_database(DatabaseInput={"Name": "d"})
    for name in ("mine", "theirs"):
        root("glue").create_table(DatabaseName="d", TableInput={"Name": name})
        root("sqs").create_queue(QueueName=name)
    for name in ("echo", "other"):
        root("lambda").create_function(
            FunctionName=name,
            Role=ROLE,
            Runtime="python3.12",
            Handler="code.handle",
            Code={"ZipFile": zipped("def handle(event, context): return event")},
        )


def document(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def put_policy(root: Connect, statements: list[dict[str, Any]]) -> None:
    root("iam").put_role_policy(
        RoleName="narrow", PolicyName="p", PolicyDocument=document(statements)
    )


def zipped(code: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("code.py", code)
    return packed.getvalue()


def refusal(call: Callable[..., Any], **arguments: Any) -> tuple[int, str, str]:
    """Status, code and message."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    answer: Any = caught.value.response
    status = answer["ResponseMetadata"]["HTTPStatusCode"]
    return status, answer["Error"]["Code"], answer["Error"]["Message"]


def denied(action: str, resource: str) -> str:
    return (
        f"User: {SESSION} is not authorized to perform: {action} on resource: {resource}"
        f" because no identity-based policy allows the {action} action"
    )


def test_s3_lets_a_role_write_below_its_prefix_and_nowhere_else(role: Connect) -> None:
    s3 = role("s3")
    s3.put_object(Bucket="shared", Key="mine/ä b", Body=b"mine")
    assert s3.get_object(Bucket="shared", Key="mine/ä b")["Body"].read() == b"mine"
    for call, action in ((s3.put_object, "s3:PutObject"), (s3.get_object, "s3:GetObject")):
        found = refusal(call, Bucket="shared", Key="theirs/k")
        assert found == (403, "AccessDenied", denied(action, '"arn:aws:s3:::shared/theirs/k"'))


def test_s3_says_that_an_object_is_missing_only_to_whom_may_list(
    root: Connect, role: Connect
) -> None:
    get = role("s3").get_object
    assert refusal(get, Bucket="shared", Key="mine/none")[:2] == (403, "AccessDenied")
    put_policy(root, [*STATEMENTS, allow("s3:ListBucket", "arn:aws:s3:::shared")])
    assert refusal(get, Bucket="shared", Key="mine/none")[:2] == (404, "NoSuchKey")
    put_policy(root, STATEMENTS)
    assert refusal(get, Bucket="shared", Key="mine/none")[:2] == (403, "AccessDenied")


def test_s3_deletes_of_many_objects_those_that_a_role_may(root: Connect, role: Connect) -> None:
    role("s3").put_object(Bucket="shared", Key="mine/old", Body=b"")
    named = [{"Key": "mine/old"}, {"Key": "theirs/k"}]
    answer = role("s3").delete_objects(Bucket="shared", Delete={"Objects": named})
    assert [each["Key"] for each in answer["Deleted"]] == ["mine/old"]
    [error] = answer["Errors"]
    assert (error["Key"], error["Code"]) == ("theirs/k", "AccessDenied")
    root("s3").head_object(Bucket="shared", Key="theirs/k")


def test_bucket_policy_denies_by_its_conditions(root: Connect, role: Connect) -> None:
    everybody = {"Effect": "Deny", "Principal": "*", "Action": "s3:*"}
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    statements: list[dict[str, Any]] = [
        {**everybody, "Resource": "arn:aws:s3:::shared/*", "Condition": insecure},
        {**everybody, "Resource": "arn:aws:s3:::shared/mine/locked/*"},
    ]
    root("s3").put_bucket_policy(Bucket="shared", Policy=document(statements))
    role("s3").put_object(Bucket="shared", Key="mine/open", Body=b"")
    _, code, message = refusal(role("s3").put_object, Bucket="shared", Key="mine/locked/k")
    assert code == "AccessDenied"
    assert message.endswith("with an explicit deny in a resource-based policy")


def test_glue_refuses_in_json(role: Connect) -> None:
    get = role("glue").get_table
    assert get(DatabaseName="d", Name="mine")["Table"]["Name"] == "mine"
    message = denied("glue:GetTable", f"arn:aws:glue:{PLACE}:table/d/theirs")
    found = refusal(get, DatabaseName="d", Name="theirs")
    assert found == (400, "AccessDeniedException", message)


def test_sqs_refuses_under_its_older_code(root: Connect, role: Connect) -> None:
    urls = {
        name: root("sqs").get_queue_url(QueueName=name)["QueueUrl"] for name in ("mine", "theirs")
    }
    role("sqs").send_message(QueueUrl=urls["mine"], MessageBody="m")
    found = refusal(role("sqs").send_message, QueueUrl=urls["theirs"], MessageBody="m")
    assert found == (403, "AccessDenied", denied("sqs:SendMessage", f"arn:aws:sqs:{PLACE}:theirs"))


def test_lambda_runs_only_the_function_that_a_role_may_invoke(role: Connect) -> None:
    invoke = role("lambda").invoke
    assert json.load(invoke(FunctionName="echo", Payload=b"[1]")["Payload"]) == [1]
    message = denied("lambda:InvokeFunction", FUNCTION.replace("echo", "other"))
    assert refusal(invoke, FunctionName="other") == (403, "AccessDeniedException", message)


def test_metrics_and_identities_refuse_in_cbor_and_xml(role: Connect) -> None:
    datum = [{"MetricName": "m", "Value": 1}]
    role("cloudwatch").put_metric_data(Namespace="mine", MetricData=datum)
    put = role("cloudwatch").put_metric_data
    assert refusal(put, Namespace="theirs", MetricData=datum)[:2] == (403, "AccessDenied")
    assert refusal(role("iam").list_roles)[:2] == (403, "AccessDenied")
    assert role("sts").get_caller_identity()["Arn"] == SESSION


def test_operation_without_known_permissions_is_refused_by_name(role: Connect) -> None:
    status, code, message = refusal(role("glue").list_crawls, CrawlerName="c")
    assert (status, code) == (501, "NotImplemented")
    assert "glue:ListCrawls needs is not in src/local_cloud/iam/operations.yml" in message


def test_cloud_that_enforces_is_not_taken_for_one_that_records(
    root: Connect, home: Path, run_cloud: Callable[..., CompletedProcess[str]]
) -> None:
    done = run_cloud(home, "attach", "--bare", LOCAL_CLOUD_IAM="record")
    assert done.returncode == 1 and not done.stdout
    assert "runs with LOCAL_CLOUD_IAM=enforce, not record" in done.stderr
    assert "Policies are enforced" in run_cloud(home, "status").stdout


def test_record_says_who_did_what_and_whether_it_was_allowed(role: Connect, home: Path) -> None:
    role("s3").put_object(Bucket="shared", Key="mine/recorded", Body=b"")
    refusal(role("s3").list_objects_v2, Bucket="shared", Prefix="theirs/")
    lines = (home / "iam" / "calls.jsonl").read_text().splitlines()
    assert len(lines) == len(set(lines))
    calls = [json.loads(line) for line in lines]
    written = {"action": "s3:PutObject", "resource": "arn:aws:s3:::shared/mine/recorded"}
    listed = {"action": "s3:ListBucket", "resource": "arn:aws:s3:::shared"}
    assert written | {"role": ROLE, "context": {}, "allowed": True} in calls
    context = {"s3:prefix": "theirs/"}
    assert listed | {"role": ROLE, "context": context, "allowed": False} in calls
