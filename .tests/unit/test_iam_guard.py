"""Who is let in: roles and users of moto's IAM, the policies of resources, and the record."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.sqs.models import sqs_backends
from moto.sts.models import sts_backends

from local_cloud.errors import CloudError
from local_cloud.iam import AccessDenied, Permission
from local_cloud.iam.guard import Guard

ACCOUNT, REGION = "111122223333", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/etl"
BUCKET = "arn:aws:s3:::guarded"
GET = Permission("s3:GetObject", f"{BUCKET}/in/k")
Document = dict[str, Any]


def policy(*statements: Document) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def statement(effect: str, action: str, resource: str = "*", **more: Any) -> Document:
    return {"Effect": effect, "Action": action, "Resource": resource} | more


def trusting(principal: Document) -> str:
    return policy({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})


OPEN = policy(statement("Allow", "*"))
READ = policy(statement("Allow", "s3:GetObject", f"{BUCKET}/in/*"))


@pytest.fixture
def iam(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("LOCAL_CLOUD_IAM", "enforce")
    monkeypatch.delenv("LOCAL_CLOUD_ACCESS_LOG", raising=False)
    backend = iam_backends[ACCOUNT]["aws"]
    backend.create_role("etl", trusting({"AWS": ACCOUNT}), "/", None, "", [], "3600")
    yield backend
    for backends in (iam_backends, s3_backends, sqs_backends, sts_backends):
        backends[ACCOUNT].reset()


@pytest.fixture
def guard(iam: Any, tmp_path: Path) -> Guard:
    return Guard(tmp_path, ACCOUNT, REGION)


@pytest.fixture
def key_of_session(iam: Any) -> Callable[..., str]:
    """Assumes the role: key_of_session(policy=…) is the session's key."""

    def assume(role_arn: str = ROLE, policy: str = "") -> str:
        sts = sts_backends[ACCOUNT]["aws"]
        role = sts.assume_role(REGION, "run", role_arn, policy, 3600, "")
        return str(role.access_key_id)

    return assume


def message(guard: Guard, key: str, wanted: Permission) -> str:
    with pytest.raises(AccessDenied) as denied:
        guard.admit_as(key, wanted)
    return str(denied.value)


def test_root_key_may_do_anything(guard: Guard) -> None:
    guard.admit_as("AKIAROOT", Permission("iam:DeleteRole", ROLE))


def test_role_may_what_its_policy_allows_from_the_moment_it_does(
    guard: Guard, iam: Any, key_of_session: Callable[..., str]
) -> None:
    key = key_of_session()
    assert message(guard, key, GET) == (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/etl/run is not authorized to perform:"
        f' s3:GetObject on resource: "{BUCKET}/in/k" because no identity-based policy allows the'
        " s3:GetObject action"
    )
    iam.put_role_policy("etl", "read", READ)
    guard.admit_as(key, GET)
    iam.put_role_policy("etl", "never", policy(statement("Deny", "s3:*")))
    assert message(guard, key, GET).endswith("with an explicit deny in an identity-based policy")


def test_attached_policy_counts_in_its_default_version(
    guard: Guard, iam: Any, key_of_session: Callable[..., str]
) -> None:
    managed = iam.create_policy("", "/", READ, "read", [])
    iam.attach_role_policy(managed.arn, "etl")
    guard.admit_as(key_of_session(), GET)
    iam.create_policy_version(managed.arn, policy(statement("Allow", "glue:*")), "True")
    assert "no identity-based policy" in message(guard, key_of_session(), GET)


def test_permissions_boundary_and_session_policy_limit_a_role(
    guard: Guard, iam: Any, key_of_session: Callable[..., str]
) -> None:
    iam.put_role_policy("etl", "all", OPEN)
    narrow = key_of_session(policy=policy(statement("Allow", "glue:*")))
    assert "because no session policy allows" in message(guard, narrow, GET)
    boundary = iam.create_policy("", "/", policy(statement("Allow", "glue:*")), "boundary", [])
    iam.put_role_permissions_boundary("etl", boundary.arn)
    assert "because no permissions boundary allows" in message(guard, key_of_session(), GET)


def test_user_may_what_her_policies_and_her_groups_allow(guard: Guard, iam: Any) -> None:
    iam.create_user(REGION, "ana")
    key = iam.create_access_key("ana").access_key_id
    assert f"User: arn:aws:iam::{ACCOUNT}:user/ana is not" in message(guard, key, GET)
    iam.create_group("readers")
    iam.put_group_policy("readers", "read", READ)
    iam.add_user_to_group("readers", "ana")
    guard.admit_as(key, GET)


def test_bucket_policy_denies_what_a_role_may(
    guard: Guard, iam: Any, key_of_session: Callable[..., str]
) -> None:
    iam.put_role_policy("etl", "read", READ)
    bucket = s3_backends[ACCOUNT]["aws"].create_bucket("guarded", REGION)
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    tls_only = statement("Deny", "s3:*", f"{BUCKET}/*", Principal="*", Condition=insecure)
    bucket.policy = policy(tls_only).encode()
    guard.admit_as(key_of_session(), GET)
    bucket.policy = policy(statement("Deny", "s3:*", f"{BUCKET}/*", Principal="*")).encode()
    denied = message(guard, key_of_session(), GET)
    assert denied.endswith("with an explicit deny in a resource-based policy")


def test_bucket_policy_allows_a_role_that_it_names_but_not_its_account_alone(
    guard: Guard, key_of_session: Callable[..., str]
) -> None:
    bucket = s3_backends[ACCOUNT]["aws"].create_bucket("guarded", REGION)
    for principal, allowed in ((ACCOUNT, False), (ROLE, True)):
        named = statement("Allow", "s3:GetObject", f"{BUCKET}/*", Principal={"AWS": principal})
        bucket.policy = policy(named).encode()
        if allowed:
            guard.admit_as(key_of_session(), GET)
        else:
            message(guard, key_of_session(), GET)


@pytest.mark.parametrize(
    ("principal", "has_policy", "allowed"),
    [
        ({"AWS": ROLE}, False, True),
        ({"AWS": ACCOUNT}, True, True),
        ({"AWS": ACCOUNT}, False, False),
        ({"Service": "glue.amazonaws.com"}, True, False),
    ],
)
def test_role_is_assumed_by_whom_it_trusts(
    guard: Guard,
    iam: Any,
    key_of_session: Callable[..., str],
    principal: Document,
    has_policy: bool,
    allowed: bool,
) -> None:
    iam.create_role("other", trusting(principal), "/", None, "", [], "3600")
    wanted = Permission("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/other")
    if has_policy:
        iam.put_role_policy("etl", "assume", policy(statement("Allow", "sts:AssumeRole")))
    if allowed:
        guard.admit_as(key_of_session(), wanted)
    else:
        message(guard, key_of_session(), wanted)


def test_policy_that_cannot_be_evaluated_is_said_to_be(
    guard: Guard, iam: Any, key_of_session: Callable[..., str]
) -> None:
    strange = statement("Allow", "s3:*", Condition={"BinaryEquals": {"s3:prefix": "YQ=="}})
    iam.put_role_policy("etl", "strange", policy(strange))
    with pytest.raises(NotImplementedError, match="BinaryEquals is not evaluated"):
        guard.admit_as(key_of_session(), GET)


def test_service_works_in_the_name_of_a_role(guard: Guard, iam: Any) -> None:
    with pytest.raises(AccessDenied, match="assumed-role/etl/etl is not authorized"):
        guard.check_role(ROLE, GET)
    iam.put_role_policy("etl", "read", READ)
    guard.check_role(ROLE, GET)


def read_log(path: Path) -> list[Document]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_distinct_call_is_recorded_once(guard: Guard, iam: Any, tmp_path: Path) -> None:
    iam.put_role_policy("etl", "read", READ)
    listing = Permission("s3:ListBucket", BUCKET, {"s3:prefix": "in/"})
    for wanted in (GET, GET, listing):
        try:
            guard.check_role(ROLE, wanted)
        except AccessDenied:
            pass
    common = {"role": ROLE, "context": {}}
    assert read_log(tmp_path / "iam" / "calls.jsonl") == [
        common | {"action": "s3:GetObject", "resource": GET.resource, "allowed": True},
        {
            "role": ROLE,
            "action": "s3:ListBucket",
            "resource": BUCKET,
            "context": {"s3:prefix": "in/"},
            "allowed": False,
        },
    ]


def test_nothing_is_refused_while_calls_are_only_recorded(
    monkeypatch: pytest.MonkeyPatch, iam: Any, tmp_path: Path, key_of_session: Callable[..., str]
) -> None:
    monkeypatch.setenv("LOCAL_CLOUD_IAM", "record")
    monkeypatch.setenv("LOCAL_CLOUD_ACCESS_LOG", str(tmp_path))
    guard = Guard(tmp_path / "home", ACCOUNT, REGION)
    guard.admit_as(key_of_session(), GET)
    [log] = tmp_path.glob("*.jsonl")
    assert [(line["role"], line["allowed"]) for line in read_log(log)] == [(ROLE, False)]


def test_session_that_a_value_names_is_not_recorded_as_itself(
    guard: Guard, iam: Any, tmp_path: Path, key_of_session: Callable[..., str]
) -> None:
    role = iam.get_role("etl")
    owner = "redshift-data:statement-owner-iam-userid"
    own = {"StringEquals": {owner: "${aws:userid}"}}
    allowed = statement("Allow", "redshift-data:DescribeStatement", Condition=own)
    iam.put_role_policy("etl", "own", policy(allowed))
    wanted = Permission("redshift-data:DescribeStatement", "*", {owner: f"{role.id}:run"})
    guard.admit_as(key_of_session(), wanted)
    [line] = read_log(tmp_path / "iam" / "calls.jsonl")
    assert line["context"] == {owner: "AROA:session", "aws:userid": "AROA:session"}


def test_mode_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOCAL_CLOUD_IAM", "off")
    with pytest.raises(CloudError, match='LOCAL_CLOUD_IAM is "off"'):
        Guard(tmp_path, ACCOUNT, REGION)


def test_service_may_what_the_policy_of_a_queue_lets_it_for_one_bucket(guard: Guard) -> None:
    queue = sqs_backends[ACCOUNT][REGION].create_queue("incoming", {})
    sending = Permission("sqs:SendMessage", queue.queue_arn)
    for_bucket = {"ArnLike": {"aws:SourceArn": BUCKET}}
    queue.policy = policy(
        statement("Allow", "sqs:SendMessage", queue.queue_arn, Condition=for_bucket)
        | {"Principal": {"Service": "s3.amazonaws.com"}}
    )
    guard.check_service("s3.amazonaws.com", sending, BUCKET)
    for service, bucket in (("s3.amazonaws.com", f"{BUCKET}2"), ("sns.amazonaws.com", BUCKET)):
        with pytest.raises(AccessDenied, match="no resource-based policy allows"):
            guard.check_service(service, sending, bucket)


def test_service_works_only_for_roles_that_trust_it(guard: Guard, iam: Any) -> None:
    trust = trusting({"Service": "lambda.amazonaws.com"})
    iam.create_role("function", trust, "/", None, "", [], "3600")
    assuming = Permission("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/function")
    guard.check_service("lambda.amazonaws.com", assuming)
    with pytest.raises(AccessDenied, match="glue.amazonaws.com is not authorized"):
        guard.check_service("glue.amazonaws.com", assuming)
