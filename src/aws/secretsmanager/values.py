"""Read a secret's value."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


def get_secret_value(client: SecretsManagerClient, *, name: str) -> str:
    """The current value of a secret, by its name or ARN; "" if it holds bytes and no text.

    Raises:
        ClientError: There is no such secret, or it may not be read.
    """
    return client.get_secret_value(SecretId=name).get("SecretString", "")
