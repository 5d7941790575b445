"""Queues keep RedriveAllowPolicy, and their policy when something else of them is set.

RedrivePolicy is answered without spaces, as AWS does: Terraform compares texts.
"""

from __future__ import annotations

import json
from typing import Any

from moto.sqs.models import Queue, SQSBackend

_ALLOW = "RedriveAllowPolicy"


def install() -> None:
    """Have GetQueueAttributes tell all that SetQueueAttributes and CreateQueue were told."""
    get = SQSBackend.get_queue_attributes
    set_attributes = Queue._set_attributes

    def get_all(backend: Any, queue_name: str, attribute_names: list[str]) -> dict[str, Any]:
        known = [name for name in attribute_names if name != _ALLOW]
        found = get(backend, queue_name, known)
        kept = getattr(backend.get_queue(queue_name), "redrive_allow_policy", None)
        if kept and {"All", _ALLOW} & set(attribute_names):
            found = found | {_ALLOW: kept}
        if policy := found.get("RedrivePolicy"):
            found = found | {"RedrivePolicy": json.dumps(json.loads(policy), separators=(",", ":"))}
        return found

    def set_given(queue: Any, attributes: dict[str, Any], *args: Any) -> None:
        policy = attributes.get("Policy", getattr(queue, "policy", None))
        set_attributes(queue, attributes | {"Policy": policy}, *args)

    setattr(SQSBackend, get.__name__, get_all)
    setattr(Queue, set_attributes.__name__, set_given)
