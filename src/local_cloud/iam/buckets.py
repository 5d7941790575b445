"""What moto asks of a bucket's policy, answered by the guard: moto itself knows no conditions."""

from __future__ import annotations

from typing import Any

from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

from local_cloud.iam.guard import Guard


def let_the_guard_decide(guard: Guard) -> None:
    """Have buckets refuse nothing but those of many deletions that the guard has denied."""

    def get_permission(_bucket: Any, action: str, resource: str) -> PermissionResult:
        is_denied = action == "s3:DeleteObject" and resource in guard.denied_deletions
        return PermissionResult.DENIED if is_denied else PermissionResult.NEUTRAL

    setattr(FakeBucket, "get_permission", get_permission)
