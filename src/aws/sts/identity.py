"""Who is calling AWS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A user or a role's session, and the account that it belongs to."""

    account: str
    arn: str


def get_caller_identity(client: STSClient) -> Identity:
    """Whom the client's credentials stand for; everybody may ask."""
    found = client.get_caller_identity()
    return Identity(account=found["Account"], arn=found["Arn"])
