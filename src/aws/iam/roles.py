"""Read roles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient


@dataclass(frozen=True, kw_only=True)
class Role:
    """A role.

    Attributes:
        services: The AWS services that may take it on, e.g. "glue.amazonaws.com".
    """

    name: str
    arn: str
    services: frozenset[str]


def get_role(client: IAMClient, *, name: str) -> Role:
    """A role by its name, without its path.

    Raises:
        NoSuchEntityException: There is no such role.
    """
    found: Mapping[str, Any] = client.get_role(RoleName=name)["Role"]
    services = frozenset(_trusted_services(found["AssumeRolePolicyDocument"]))
    return Role(name=found["RoleName"], arn=found["Arn"], services=services)


def _trusted_services(policy: Mapping[str, Any]) -> Iterator[str]:
    for statement in _listed(policy.get("Statement")):
        principal = statement.get("Principal", {})
        if statement.get("Effect") == "Allow" and isinstance(principal, Mapping):
            yield from _listed(principal.get("Service"))


def _listed(value: Any) -> list[Any]:
    """IAM writes a list of one as its element."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
