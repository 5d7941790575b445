"""Athena's workgroups without tags have an empty list of them."""

from __future__ import annotations

from typing import Any

from moto.athena.models import AthenaBackend


def install() -> None:
    """Answer ListTagsForResource for what has no tags; moto answers nothing at all."""
    list_tags = AthenaBackend.list_tags_for_resource

    def list_tags_or_none(backend: Any, resource_arn: str) -> dict[str, Any]:
        return list_tags(backend, resource_arn) or {"Tags": []}

    setattr(AthenaBackend, list_tags.__name__, list_tags_or_none)
