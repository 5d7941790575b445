"""Who a key belongs to, and with which policies: moto's IAM and STS keep both."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local_cloud.iam.backends import look_at
from local_cloud.iam.policies import Policy, parse_policy
from local_cloud.iam.principals import Caller
from local_cloud.iam.table import Context


@dataclass(frozen=True)
class Identity:
    """A role's session, or a user.

    Attributes:
        arn: Of the session or the user, as messages name it.
        principal_arn: Of the role or the user.
        user_id: As ${aws:userid} gives it.
        documents: Its policies.
        limits: What else has to allow a call, by what messages call it.
    """

    arn: str
    principal_arn: str
    user_id: str
    documents: tuple[str, ...]
    limits: Mapping[str, str]

    @property
    def policies(self) -> list[Policy]:
        """Its policies, read."""
        return [parse_policy(each) for each in self.documents]

    @property
    def caller(self) -> Caller:
        """As the policies of resources name it."""
        return Caller((self.principal_arn, self.arn), self.account_id)

    @property
    def account_id(self) -> str:
        """Its account."""
        return self.principal_arn.split(":")[4]

    def context(self, region: str) -> Context:
        """What every request of it says for conditions.

        The way to this cloud stands for the TLS connection that it is on AWS.
        """
        common: Context = {
            "aws:CurrentTime": datetime.now(UTC).isoformat(timespec="seconds"),
            "aws:EpochTime": str(int(time.time())),
            "aws:PrincipalIsAWSService": "false",
            "aws:ViaAWSService": "false",
            "aws:userid": self.user_id,
        }
        if ":user/" in self.arn:
            common["aws:username"] = self.arn.rpartition("/")[2]
        return common | lasting_context(self.principal_arn, region)


def lasting_context(principal_arn: str, region: str) -> Context:
    """What every request of a role or a user says, at any time and in any session."""
    account_id = principal_arn.split(":")[4]
    return {
        "aws:PrincipalAccount": account_id,
        "aws:PrincipalArn": principal_arn,
        "aws:PrincipalType": "User" if ":user/" in principal_arn else "AssumedRole",
        "aws:RequestedRegion": region,
        "aws:ResourceAccount": account_id,
        "aws:SecureTransport": "true",
        "aws:SourceIp": "127.0.0.1",
        "s3:ResourceAccount": account_id,
        "s3:TlsVersion": "1.3",
        "s3:authType": "REST-HEADER",
        "s3:signatureversion": "AWS4-HMAC-SHA256",
    }


def find_identity(account_id: str, access_key_id: str) -> Identity | None:
    """Whose a key is; None for the root key."""
    sts = look_at("sts", account_id)
    session = sts and sts.get_assumed_role_from_access_key(access_key_id)
    if session:
        return _of_session(account_id, session)
    iam = look_at("iam", account_id)
    users = iam.users.values() if iam else ()
    for user in users:
        if any(key.access_key_id == access_key_id for key in user.access_keys):
            return _of_user(iam, user)
    return None


def identity_of_role(role_arn: str) -> Identity:
    """A role in whose name a service works, in a session of the service's own."""
    _, _, _, _, account_id, path = role_arn.split(":", 5)
    name = path.rpartition("/")[2]
    arn = f"arn:aws:sts::{account_id}:assumed-role/{name}/{name}"
    return _of_role(account_id, role_arn, arn, name, "")


def _of_session(account_id: str, session: Any) -> Identity:
    return _of_role(
        account_id, session.role_arn, session.arn, session.session_name, session.policy or ""
    )


def _of_role(account_id: str, role_arn: str, arn: str, session: str, policy: str) -> Identity:
    iam = look_at("iam", account_id)
    roles = iam.roles.values() if iam else ()
    role = next((each for each in roles if each.arn == role_arn), None)
    limits = _boundary(iam, role)
    if policy:
        limits["session policy"] = policy
    user_id = f"{role.id if role else 'AROA'}:{session}"
    return Identity(arn, role_arn, user_id, _documents([role] if role else []), limits)


def _of_user(iam: Any, user: Any) -> Identity:
    holders = [user, *iam.get_groups_for_user(user.name)]
    return Identity(user.arn, user.arn, user.id, _documents(holders), _boundary(iam, user))


def _documents(holders: Iterable[Any]) -> tuple[str, ...]:
    found: list[str] = []
    for holder in holders:
        found += holder.policies.values()
        found += [_default_version(each) for each in holder.managed_policies.values()]
    return tuple(found)


def _boundary(iam: Any, holder: Any) -> dict[str, str]:
    arn = getattr(holder, "permissions_boundary_arn", None)
    if not arn:
        return {}
    return {"permissions boundary": _default_version(iam.managed_policies[arn])}


def _default_version(policy: Any) -> str:
    default = policy.default_version_id
    return str(next(each.document for each in policy.versions if each.version_id == default))
