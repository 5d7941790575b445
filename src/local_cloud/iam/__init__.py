"""IAM: what roles and users may do. Policies are evaluated as AWS evaluates them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from local_cloud.iam.errors import AccessDenied

if TYPE_CHECKING:
    from local_cloud.context import Cloud

__all__ = ["AccessDenied", "authorize"]


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
    cloud.guard.check(role_arn, action, resource, context)
