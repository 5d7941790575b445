"""The policies of buckets, queues, topics, functions, secrets and keys, and the trust of roles."""

from __future__ import annotations

import json
from typing import Any

from local_cloud.iam.backends import look_at
from local_cloud.iam.policies import Policy, parse_policy


def policy_of(own_account_id: str, action: str, resource: str) -> Policy | None:
    """The policy of what a call is made on, or None if it has none.

    Args:
        own_account_id: Where resources are whose ARN names no account.
    """
    parts = resource.split(":", 5)
    if len(parts) < 6:
        return None
    _, _, service, region, account_id, name = parts
    if action == "sts:AssumeRole":
        return _read(_trust(account_id, resource))
    found: Any = None
    match service:
        case "s3":
            found = _of_bucket(own_account_id, name.partition("/")[0])
        case "sqs":
            queue = _entry("sqs", account_id, region, "queues", name)
            found = queue and queue.policy
        case "sns":
            topic = _entry("sns", account_id, region, "topics", resource)
            found = topic and topic.policy
        case "lambda":
            found = _of_function(account_id, region, name)
        case "secretsmanager":
            secret = _entry("secretsmanager", account_id, region, "secrets", resource)
            found = secret and secret.policy
        case "kms":
            key = _entry("kms", account_id, region, "keys", name.removeprefix("key/"))
            found = key and key.policy
    return _read(found)


def decides_alone(action: str) -> bool:
    """Whether a resource's policy has to let a caller in, or leave it to the account's policies."""
    return action == "sts:AssumeRole" or action.startswith("kms:")


def _read(found: Any) -> Policy | None:
    if not found:
        return None
    return parse_policy(found.decode() if isinstance(found, bytes) else found)


def _entry(service: str, account_id: str, region: str, collection: str, name: str) -> Any:
    backend = look_at(service, account_id, region)
    return backend and getattr(backend, collection).get(name)


def _of_bucket(account_id: str, bucket: str) -> bytes | None:
    found = _entry("s3", account_id, "aws", "buckets", bucket)
    policy: bytes | None = found and found.policy
    return policy


def _of_function(account_id: str, region: str, name: str) -> str | None:
    backend = look_at("lambda", account_id, region)
    plain = name.removeprefix("function:").partition(":")[0]
    found = backend and backend._lambdas._functions.get(plain)
    if not found:
        return None
    statements = found["latest"].policy.statements
    return json.dumps({"Version": "2012-10-17", "Statement": statements}) if statements else None


def _trust(account_id: str, role_arn: str) -> str | None:
    iam = look_at("iam", account_id)
    roles = iam.roles.values() if iam else ()
    role = next((each for each in roles if each.arn == role_arn), None)
    return role and str(role.assume_role_policy_document)
