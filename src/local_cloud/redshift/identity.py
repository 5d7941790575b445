"""Which database user an IAM identity is, and the database roles that its tag passes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from local_cloud.context import Cloud
from local_cloud.iam import AccessDenied, Permission
from local_cloud.redshift.postgres import ADMIN

_TAG = "RedshiftDbRoles"
_NEEDED = ("tag:GetResources", "tag:GetTagKeys")  # by which Redshift reads the tag


@dataclass(frozen=True)
class DatabaseUser:
    """Whom an IAM identity acts as.

    Attributes:
        name: IAMR:<role>, IAM:<user>, or IAM:root for the account's own key.
        role: PostgreSQL's: the account itself is the administrator, others are who they are.
        roles: The database roles that it is granted as it connects.
    """

    name: str
    role: str
    roles: tuple[str, ...] = ()


def database_user(cloud: Cloud, account_id: str, access_key_id: str) -> DatabaseUser:
    """The user whom a caller's key stands for; its roles only where its tags may be read."""
    user = _find(account_id, access_key_id)
    if user.roles:
        try:
            for action in _NEEDED:
                cloud.guard.admit_as(access_key_id, Permission(action, "*"))
        except AccessDenied:
            return replace(user, roles=())
    return user


def _find(account_id: str, access_key_id: str) -> DatabaseUser:
    iam = iam_backends[account_id]["aws"]
    assumed = sts_backends[account_id]["aws"].get_assumed_role_from_access_key(access_key_id)
    if assumed:
        role = assumed.role_arn.rpartition("/")[2]
        return _user(f"IAMR:{role}", iam.get_role(role).tags)
    if key := iam.access_keys.get(access_key_id):
        return _user(f"IAM:{key.user_name}", iam.list_user_tags(str(key.user_name)))
    return DatabaseUser("IAM:root", ADMIN)


def _user(name: str, tags: list[dict[str, Any]]) -> DatabaseUser:
    passed = [each["Value"] for each in tags if each["Key"] == _TAG]
    return DatabaseUser(name, name, tuple(role for each in passed for role in each.split(":")))
