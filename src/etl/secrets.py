"""Secrets by name, from AWS Secrets Manager. Their values go to where they are used, and nowhere
else: no error, log line, repr or file holds one."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import (
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
)

from aws.secretsmanager import get_secret_value
from etl.errors import SecretError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_PLACEHOLDER = "…"
_SIGN_IN = "check the profile or role in config/<environment>.yml, or sign in again"
_BAD_CREDENTIALS = {
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "UnrecognizedClientException",
}


class Secret:
    """A secret's value: a text, or the fields of a JSON object."""

    def __init__(self, name: str, value: str) -> None:
        self.name = name
        self._value = value

    def __repr__(self) -> str:
        return f"Secret({self.name!r})"

    @property
    def text(self) -> str:
        """The whole value."""
        return self._value

    def field(self, name: str) -> str:
        """One field of the JSON object.

        Raises:
            SecretError: The value is not a JSON object, or has no such field.
        """
        return self.fields(name)[0]

    def fields(self, *names: str) -> tuple[str, ...]:
        """Some fields of the JSON object, in the order of their names.

        Raises:
            SecretError: The value is not a JSON object, or has not got all of them.
        """
        found = _parse(self._value)
        if found is None:
            raise SecretError(
                f"secret {self.name} is not a JSON object, and {_words(names)} is wanted of it",
                fix=_command("put-secret-value", self.name, names),
            )
        missing = [each for each in names if not _is_text(found.get(each))]
        if missing:
            raise SecretError(
                f"secret {self.name} has no {_words(missing)}",
                fix=_command("put-secret-value", self.name, list(dict.fromkeys([*names, *found]))),
            )
        return tuple(str(found[each]) for each in names)


def read_secret(client: SecretsManagerClient, name: str, *, expected: Sequence[str] = ()) -> Secret:
    """A secret's current value, by the secret's name or ARN.

    Args:
        expected: The fields that it should have, for the command that an error shows.

    Raises:
        SecretError: There is no such secret, or it may not be read.
    """
    try:
        value = get_secret_value(client, name=name)
    except ClientError as error:
        explained = _explain(error, name, expected)
        if explained is None:
            raise
        raise explained from error
    except (
        ConnectionError,
        CredentialRetrievalError,
        NoCredentialsError,
        PartialCredentialsError,
        SSOError,
    ) as error:
        raise SecretError(
            f"cannot reach Secrets Manager for secret {name}: {error}",
            fix=f"{_SIGN_IN}; check the network",
        ) from error
    if not value:
        raise SecretError(
            f"secret {name} holds no text", fix=_command("put-secret-value", name, expected)
        )
    return Secret(name, value)


def _parse(value: str) -> dict[str, Any] | None:
    # The parser's error holds the whole text: it must not be the context of another error.
    try:
        found = json.loads(value)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _is_text(value: object) -> bool:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return is_number or (isinstance(value, str) and value != "")


def _explain(error: ClientError, name: str, expected: Sequence[str]) -> SecretError | None:
    code = error.response.get("Error", {}).get("Code", "")
    if code == "ResourceNotFoundException":
        return SecretError(
            f"there is no secret {name}", fix=_command("create-secret", name, expected)
        )
    if code in ("AccessDeniedException", "AccessDenied", "DecryptionFailure"):
        return SecretError(
            f"access to secret {name} is denied ({code})",
            fix=f"allow secretsmanager:GetSecretValue on {name}, and kms:Decrypt on its key",
        )
    if code == "InvalidRequestException":
        return SecretError(
            f"secret {name} cannot be read: it is marked for deletion or has no value yet",
            fix=f"aws secretsmanager restore-secret --secret-id {shlex.quote(name)}, or "
            + _command("put-secret-value", name, expected),
        )
    if code in _BAD_CREDENTIALS:
        return SecretError(f"AWS refused the credentials ({code}) for secret {name}", fix=_SIGN_IN)
    return None


def _command(action: str, name: str, fields: Sequence[str]) -> str:
    """The command that makes the secret, with a placeholder for each value."""
    example = json.dumps(dict.fromkeys(fields, _PLACEHOLDER), ensure_ascii=False)
    option = "--name" if action == "create-secret" else "--secret-id"
    return (
        f"aws secretsmanager {action} {option} {shlex.quote(name)}"
        f" --secret-string {shlex.quote(example if fields else _PLACEHOLDER)}"
    )


def _words(names: Sequence[str]) -> str:
    return " and no ".join(f'field "{each}"' for each in names)
