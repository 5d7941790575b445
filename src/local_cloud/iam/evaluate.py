"""Whether policies allow a call: "Policy evaluation logic" in the IAM User Guide.

Needs no cloud: policies, an action, a resource and a context go in, a decision comes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from local_cloud.iam.patterns import Context
from local_cloud.iam.policies import Policy, Statement, read_policy
from local_cloud.iam.principals import Caller, Named


class Why(StrEnum):
    """What decided."""

    ALLOWED = "a statement allows it"
    DENIED = "a statement denies it"
    NOT_ALLOWED = "no statement allows it"


@dataclass(frozen=True)
class Decision:
    """Whether a call is allowed.

    Attributes:
        sid: Of the statement that decided, if one did and has one.
    """

    allowed: bool
    sid: str | None
    why: Why


@dataclass(frozen=True)
class ResourceDecision:
    """What a resource's policy says of a caller.

    Attributes:
        named: How it names the caller whom it allows; NOT if it allows nothing.
    """

    denied: bool
    named: Named


def evaluate(
    policies: Sequence[Mapping[str, Any] | Policy],
    action: str,
    resource: str,
    context: Context,
) -> Decision:
    """What identity-based policies say of a call.

    Args:
        policies: JSON documents as IAM has them, or such as `read_policy` has read.
        action: "s3:GetObject".
        resource: Its ARN, or "*" for an action without resources.
        context: Condition keys, in any case, and their values.

    Raises:
        PolicyError: A policy says something that is not evaluated here.
    """
    context = lower_keys(context)
    read = [each if isinstance(each, Policy) else read_policy(each) for each in policies]
    found = [
        statement
        for policy in read
        for statement in policy.statements
        if statement.applies(action, resource, context)
    ]
    return _decide(found)


def evaluate_resource_policy(
    policy: Policy, caller: Caller, action: str, resource: str, context: Context
) -> ResourceDecision:
    """What the policy of a resource, or a role's trust policy, says of a caller."""
    context = lower_keys(context)
    named, denied = Named.NOT, False
    for statement in policy.statements:
        how = statement.principals.name(caller) if statement.principals else Named.NOT
        if how and statement.applies(action, resource, context):
            denied = denied or statement.denies
            named = named if statement.denies else max(named, how)
    return ResourceDecision(denied, Named.NOT if denied else named)


def _decide(statements: Iterable[Statement]) -> Decision:
    allowing = None
    for statement in statements:
        if statement.denies:
            return Decision(False, statement.sid, Why.DENIED)
        allowing = allowing or statement
    if allowing:
        return Decision(True, allowing.sid, Why.ALLOWED)
    return Decision(False, None, Why.NOT_ALLOWED)


def lower_keys(context: Context) -> Context:
    """A context with its keys in lower case: they are compared without regard to it."""
    return {key.lower(): value for key, value in context.items()}
