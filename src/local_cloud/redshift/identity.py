"""Which database user an IAM identity is."""

from __future__ import annotations

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends


def database_user(account_id: str, access_key_id: str) -> str:
    """IAMR:<role>, IAM:<user>, or IAM:root for the account's own key."""
    assumed = sts_backends[account_id]["aws"].get_assumed_role_from_access_key(access_key_id)
    if assumed:
        return f"IAMR:{assumed.role_arn.rpartition('/')[2]}"
    key = iam_backends[account_id]["aws"].access_keys.get(access_key_id)
    return f"IAM:{key.user_name}" if key else "IAM:root"
