"""Policies are evaluated as the IAM User Guide says."""

from __future__ import annotations

from typing import Any

import pytest

from local_cloud.iam import Why, evaluate
from local_cloud.iam.errors import PolicyError
from local_cloud.iam.evaluate import evaluate_resource_policy
from local_cloud.iam.policies import read_policy
from local_cloud.iam.principals import Caller, Named

BUCKET = "arn:aws:s3:::amzn-s3-demo-bucket"
ROLE = "arn:aws:iam::123456789012:role/etl"
SESSION = "arn:aws:sts::123456789012:assumed-role/etl/run"
CALLER = Caller((ROLE, SESSION), "123456789012")


def policy(*statements: dict[str, Any], version: str = "2012-10-17") -> dict[str, Any]:
    return {"Version": version, "Statement": list(statements)}


def allow(action: Any = "s3:GetObject", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource} | more


def deny(action: Any = "s3:*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return allow(action, resource, **more) | {"Effect": "Deny"}


def holds(condition: dict[str, Any], **context: Any) -> bool:
    """Whether a condition holds; __ in a key's name stands for a colon."""
    keys = {name.replace("__", ":"): value for name, value in context.items()}
    statement = allow(Condition=condition)
    return evaluate([policy(statement)], "s3:GetObject", f"{BUCKET}/k", keys).allowed


@pytest.mark.parametrize(
    ("statements", "action", "resource", "why"),
    [
        ([], "s3:GetObject", BUCKET, Why.NOT_ALLOWED),
        ([allow()], "s3:GetObject", f"{BUCKET}/k", Why.ALLOWED),
        ([allow()], "s3:PutObject", f"{BUCKET}/k", Why.NOT_ALLOWED),
        ([allow("S3:getobject")], "s3:GetObject", BUCKET, Why.ALLOWED),
        ([allow("s3:Get*")], "s3:GetObjectTagging", BUCKET, Why.ALLOWED),
        ([allow("s3:?etObject")], "s3:GetObject", BUCKET, Why.ALLOWED),
        ([allow("s3:Get")], "s3:GetObject", BUCKET, Why.NOT_ALLOWED),
        ([allow("*")], "glue:GetJob", "*", Why.ALLOWED),
        ([allow(["s3:PutObject", "s3:GetObject"])], "s3:GetObject", BUCKET, Why.ALLOWED),
        ([allow(resource=f"{BUCKET}/a/*")], "s3:GetObject", f"{BUCKET}/a/b/c", Why.ALLOWED),
        ([allow(resource=f"{BUCKET}/a/*")], "s3:GetObject", f"{BUCKET}/b/a/", Why.NOT_ALLOWED),
        ([allow(resource=f"{BUCKET}/A")], "s3:GetObject", f"{BUCKET}/a", Why.NOT_ALLOWED),
        ([allow(resource=f"{BUCKET}/a.c")], "s3:GetObject", f"{BUCKET}/abc", Why.NOT_ALLOWED),
        ([allow(), deny()], "s3:GetObject", BUCKET, Why.DENIED),
        ([deny(), allow()], "s3:GetObject", BUCKET, Why.DENIED),
        ([allow(), deny(resource=f"{BUCKET}/x/*")], "s3:GetObject", f"{BUCKET}/k", Why.ALLOWED),
        (
            [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}],
            "s3:GetObject",
            BUCKET,
            Why.ALLOWED,
        ),
        (
            [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}],
            "iam:GetUser",
            BUCKET,
            Why.NOT_ALLOWED,
        ),
        (
            [allow(), {"Effect": "Deny", "Action": "s3:*", "NotResource": [BUCKET, f"{BUCKET}/*"]}],
            "s3:GetObject",
            f"{BUCKET}/k",
            Why.ALLOWED,
        ),
        (
            [allow(), {"Effect": "Deny", "Action": "s3:*", "NotResource": [BUCKET, f"{BUCKET}/*"]}],
            "s3:GetObject",
            "arn:aws:s3:::other/k",
            Why.DENIED,
        ),
    ],
)
def test_decision_follows_the_evaluation_logic(
    statements: list[dict[str, Any]], action: str, resource: str, why: Why
) -> None:
    found = evaluate([policy(each) for each in statements], action, resource, {})
    assert (found.why, found.allowed) == (why, why == Why.ALLOWED)


def test_decision_names_the_statement_that_decided() -> None:
    policies = [policy(allow(Sid="Read"), deny(resource=f"{BUCKET}/x", Sid="Never"))]
    assert evaluate(policies, "s3:GetObject", f"{BUCKET}/k", {}).sid == "Read"
    assert evaluate(policies, "s3:GetObject", f"{BUCKET}/x", {}).sid == "Never"


def test_a_single_statement_need_not_stand_in_a_list() -> None:
    assert evaluate([{"Statement": allow()}], "s3:GetObject", BUCKET, {}).allowed


@pytest.mark.parametrize(
    ("condition", "context", "expected"),
    [
        ({"StringEquals": {"a:k": "v"}}, {"a__k": "v"}, True),
        ({"StringEquals": {"A:K": "v"}}, {"a__k": "v"}, True),
        ({"StringEquals": {"a:k": ["u", "v"]}}, {"a__k": "v"}, True),
        ({"StringEquals": {"a:k": "V"}}, {"a__k": "v"}, False),
        ({"StringEquals": {"a:k": "v"}}, {}, False),
        ({"StringEqualsIfExists": {"a:k": "v"}}, {}, True),
        ({"StringEqualsIfExists": {"a:k": "v"}}, {"a__k": "u"}, False),
        ({"StringNotEquals": {"a:k": ["u", "v"]}}, {"a__k": "v"}, False),
        ({"StringNotEquals": {"a:k": ["u", "v"]}}, {"a__k": "w"}, True),
        ({"StringNotEquals": {"a:k": "v"}}, {}, True),
        ({"StringEqualsIgnoreCase": {"a:k": "V"}}, {"a__k": "v"}, True),
        ({"StringNotEqualsIgnoreCase": {"a:k": "V"}}, {"a__k": "v"}, False),
        ({"StringEquals": {"a:k": "v*"}}, {"a__k": "vw"}, False),
        ({"StringLike": {"a:k": ["home/*", ""]}}, {"a__k": "home/x"}, True),
        ({"StringLike": {"a:k": ["home/*", ""]}}, {"a__k": ""}, True),
        ({"StringNotLike": {"a:k": "home/*"}}, {"a__k": "home/x"}, False),
        ({"StringEquals": {"a:k": "v"}, "Bool": {"a:b": "true"}}, {"a__k": "v"}, False),
        ({"StringEquals": {"a:k": "v", "a:l": "w"}}, {"a__k": "v", "a__l": "w"}, True),
        ({"Bool": {"aws:SecureTransport": False}}, {"aws__SecureTransport": "true"}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, {"aws__SecureTransport": "true"}, True),
        ({"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}, {}, True),
        ({"Null": {"a:k": "true"}}, {}, True),
        ({"Null": {"a:k": True}}, {"a__k": "v"}, False),
        ({"Null": {"a:k": "false"}}, {"a__k": "v"}, True),
        ({"NumericLessThanEquals": {"s3:max-keys": 10}}, {"s3__max-keys": "10"}, True),
        ({"NumericLessThan": {"s3:max-keys": "10"}}, {"s3__max-keys": "10"}, False),
        ({"NumericEquals": {"a:k": "10.0"}}, {"a__k": "10"}, True),
        ({"NumericNotEquals": {"a:k": "10"}}, {"a__k": "11"}, True),
        ({"NumericGreaterThan": {"a:k": "10"}}, {"a__k": "ten"}, False),
        ({"DateLessThan": {"a:k": "2013-06-30T00:00:00Z"}}, {"a__k": "2013-06-29T23:00:00Z"}, True),
        ({"DateGreaterThan": {"a:k": "2013-06-30T00:00:00Z"}}, {"a__k": "1300000000"}, False),
        ({"DateGreaterThanEquals": {"a:k": "1300000000"}}, {"a__k": "2013-06-30"}, True),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, {"aws__SourceIp": "203.0.113.7"}, True),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, {"aws__SourceIp": "127.0.0.1"}, False),
        ({"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8"]}}, {"aws__SourceIp": "10.1.1.1"}, False),
        (
            {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:123456789012:*"}},
            {"aws__SourceArn": "arn:aws:sns:us-east-1:123456789012:t"},
            True,
        ),
        (
            {"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::a*"}},
            {"aws__SourceArn": "arn:aws:s3:::abc"},
            True,
        ),
        (
            {"ArnLike": {"aws:SourceArn": "arn:aws:*:t"}},
            {"aws__SourceArn": "arn:aws:sns:us-east-1:123456789012:t"},
            False,
        ),
        (
            {"ArnNotLike": {"aws:SourceArn": "arn:aws:s3:::a"}},
            {"aws__SourceArn": "arn:aws:s3:::b"},
            True,
        ),
        ({"ForAllValues:StringEquals": {"a:k": ["u", "v"]}}, {"a__k": ["u", "v"]}, True),
        ({"ForAllValues:StringEquals": {"a:k": ["u", "v"]}}, {"a__k": ["u", "w"]}, False),
        ({"ForAllValues:StringEquals": {"a:k": ["u", "v"]}}, {}, True),
        ({"ForAnyValue:StringEquals": {"a:k": ["u", "v"]}}, {"a__k": ["w", "v"]}, True),
        ({"ForAnyValue:StringEquals": {"a:k": ["u", "v"]}}, {"a__k": ["w"]}, False),
        ({"ForAnyValue:StringEquals": {"a:k": ["u", "v"]}}, {}, False),
        ({"ForAnyValue:StringNotEquals": {"a:k": "v"}}, {"a__k": ["v", "w"]}, True),
        ({"ForAnyValue:StringNotEquals": {"a:k": "v"}}, {}, False),
        ({"ForAllValues:StringNotEquals": {"a:k": "v"}}, {"a__k": ["v", "w"]}, False),
        ({"ForAnyValue:StringLikeIfExists": {"a:k": "v*"}}, {}, True),
    ],
)
def test_condition_holds_as_its_operator_says(
    condition: dict[str, Any], context: dict[str, Any], expected: bool
) -> None:
    assert holds(condition, **context) is expected


@pytest.mark.parametrize(
    "statement",
    [
        allow(Condition={"StringMatches": {"a:k": "v"}}),
        allow(Condition={"ForSomeValues:StringEquals": {"a:k": "v"}}),
        allow(Condition=["StringEquals"]),
        allow(Conditions={"Bool": {"a:k": "true"}}),
        allow(Effect="allow"),
        {"Effect": "Allow", "Resource": "*"},
    ],
)
def test_what_is_not_evaluated_is_refused_and_not_ignored(statement: dict[str, Any]) -> None:
    with pytest.raises(PolicyError):
        evaluate([policy(statement)], "s3:GetObject", BUCKET, {})


def test_variables_stand_for_what_the_request_says() -> None:
    own = policy(allow("s3:*", f"{BUCKET}/home/${{aws:username}}/*"))
    place = f"{BUCKET}/home/ana/x"
    assert evaluate([own], "s3:PutObject", place, {"aws:username": "ana"}).allowed
    assert not evaluate([own], "s3:PutObject", place, {"aws:username": "bob"}).allowed
    assert not evaluate([own], "s3:PutObject", place, {"aws:username": "*"}).allowed
    assert not evaluate([own], "s3:PutObject", place, {}).allowed


def test_variables_have_defaults_and_wildcards_can_be_meant_literally() -> None:
    default = policy(allow(resource=f"{BUCKET}/${{aws:PrincipalTag/team, 'nobody'}}/*"))
    assert evaluate([default], "s3:GetObject", f"{BUCKET}/nobody/k", {}).allowed
    literal = policy(allow(resource=f"{BUCKET}/${{*}}"))
    assert evaluate([literal], "s3:GetObject", f"{BUCKET}/*", {}).allowed
    assert not evaluate([literal], "s3:GetObject", f"{BUCKET}/k", {}).allowed


def test_variables_are_plain_text_in_the_older_version() -> None:
    old = policy(allow(resource=f"{BUCKET}/${{aws:username}}"), version="2008-10-17")
    assert not evaluate([old], "s3:GetObject", f"{BUCKET}/ana", {"aws:username": "ana"}).allowed


def test_statement_owner_is_compared_with_the_caller() -> None:
    own = {"StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}}
    statement = policy(allow("redshift-data:GetStatementResult", Condition=own))
    action, key = "redshift-data:GetStatementResult", "redshift-data:statement-owner-iam-userid"
    mine = {key: "AROAX:run", "aws:userid": "AROAX:run"}
    assert evaluate([statement], action, "*", mine).allowed
    assert not evaluate([statement], action, "*", mine | {key: "AROAX:other"}).allowed


@pytest.mark.parametrize(
    ("principal", "named"),
    [
        ("*", Named.DIRECTLY),
        ({"AWS": "*"}, Named.DIRECTLY),
        ({"AWS": ROLE}, Named.DIRECTLY),
        ({"AWS": [SESSION]}, Named.DIRECTLY),
        ({"AWS": "123456789012"}, Named.BY_ACCOUNT),
        ({"AWS": "arn:aws:iam::123456789012:root"}, Named.BY_ACCOUNT),
        ({"AWS": "arn:aws:iam::210987654321:root"}, Named.NOT),
        ({"AWS": "arn:aws:iam::123456789012:role/other"}, Named.NOT),
        ({"Service": "s3.amazonaws.com"}, Named.NOT),
    ],
)
def test_resource_policy_names_a_role_by_itself_its_session_or_its_account(
    principal: Any, named: Named
) -> None:
    statement = allow("sqs:SendMessage", Principal=principal)
    found = evaluate_resource_policy(
        read_policy(policy(statement)), CALLER, "sqs:SendMessage", "arn:aws:sqs:::q", {}
    )
    assert (found.named, found.denied) == (named, False)


def test_resource_policy_that_denies_plain_http_denies_nobody_else() -> None:
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    tls_only = read_policy(policy(deny(Principal="*", Condition=insecure)))
    for value, denied in (("true", False), ("false", True)):
        found = evaluate_resource_policy(
            tls_only, CALLER, "s3:GetObject", f"{BUCKET}/k", {"aws:SecureTransport": value}
        )
        assert (found.denied, found.named) == (denied, Named.NOT)


def test_trust_policy_lets_a_service_in_and_nobody_else() -> None:
    trusting = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    trust = read_policy(policy(trusting))
    service = Caller((), "", "lambda.amazonaws.com")
    named = [
        evaluate_resource_policy(trust, caller, "sts:AssumeRole", ROLE, {}).named
        for caller in (service, Caller((), "", "glue.amazonaws.com"), CALLER)
    ]
    assert named == [Named.DIRECTLY, Named.NOT, Named.NOT]


def test_not_principal_denies_everybody_else() -> None:
    statement = {"Effect": "Deny", "NotPrincipal": {"AWS": [ROLE]}, "Action": "*", "Resource": "*"}
    other = Caller(("arn:aws:iam::123456789012:role/other",), "123456789012")
    denied = [
        evaluate_resource_policy(
            read_policy(policy(statement)), caller, "s3:GetObject", BUCKET, {}
        ).denied
        for caller in (CALLER, other)
    ]
    assert denied == [False, True]
