"""See whether a secret is there, without its value."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


def secret_exists(client: SecretsManagerClient, *, name: str) -> bool:
    """Whether there is a secret of this name or ARN that is not about to be deleted."""
    try:
        return "DeletedDate" not in client.describe_secret(SecretId=name)
    except client.exceptions.ResourceNotFoundException:
        return False
