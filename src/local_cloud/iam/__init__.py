"""IAM: what roles and users may do. Policies are evaluated as AWS evaluates them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from local_cloud.iam.errors import AccessDenied
from local_cloud.iam.evaluate import Decision, Why, evaluate
from local_cloud.iam.identities import lasting_context
from local_cloud.iam.table import Permission

if TYPE_CHECKING:
    from local_cloud.context import Cloud

__all__ = [
    "AccessDenied",
    "Decision",
    "Permission",
    "Why",
    "authorize",
    "evaluate",
    "install",
    "lasting_context",
]


def install(cloud: Cloud) -> None:
    """Ask for what moto would decide itself."""
    from local_cloud.iam.buckets import let_the_guard_decide  # moto's S3: evaluating needs none

    let_the_guard_decide(cloud.guard)


def authorize(
    cloud: Cloud,
    role_arn: str,
    action: str,
    resource: str,
    context: Mapping[str, str | list[str]] = MappingProxyType({}),
) -> None:
    """Check and record what a service does inside on behalf of a role: a job's read, a COPY.

    Args:
        action: As in a policy: "s3:GetObject".
        resource: Its ARN.
        context: Condition keys of the request: {"s3:prefix": "processed/"}.

    Raises:
        AccessDenied: The role may not, and policies are enforced.
    """
    cloud.guard.check_role(role_arn, Permission(action, resource, dict(context)))
