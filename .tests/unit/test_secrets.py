from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from etl.errors import SecretError
from etl.secrets import Secret, read_secret

CANARY = "canary-7f3a"


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("secretsmanager", region_name="us-east-1")


def put(client: Any, value: str, name: str = "shop/api") -> str:
    client.create_secret(Name=name, SecretString=value)
    return name


def refused(code: str) -> SecretError:
    """What becomes of Secrets Manager's refusal."""
    client = boto3.client("secretsmanager", region_name="us-east-1")
    with Stubber(client) as stub, pytest.raises(SecretError) as caught:
        stub.add_client_error("get_secret_value", code, "because")
        read_secret(client, "shop/api", expected=["token"])
    assert isinstance(caught.value.__cause__, ClientError)
    return caught.value


def error_of(secret: Secret, *fields: str) -> SecretError:
    with pytest.raises(SecretError) as caught:
        secret.fields(*fields)
    error = caught.value
    assert CANARY not in f"{error}{error.__cause__!r}{error.__context__!r}"
    return error


def test_read_secret_gives_text_and_fields(client: Any) -> None:
    assert read_secret(client, put(client, CANARY)).text == CANARY
    put(client, json.dumps({"user": "ann", "port": 5432}), "db")
    assert read_secret(client, "db").fields("port", "user") == ("5432", "ann")


def test_secret_shown_in_any_way_keeps_its_value(client: Any) -> None:
    secret = read_secret(client, put(client, json.dumps({"token": CANARY})))
    shown = f"{secret} {secret!r} {[secret]} {secret.__class__}"
    assert CANARY not in shown and "shop/api" in shown


def test_read_secret_missing_names_the_command_that_makes_it() -> None:
    error = refused("ResourceNotFoundException")
    assert "shop/api" in error.message
    words = shlex.split(error.fix)
    assert words[:5] == ["aws", "secretsmanager", "create-secret", "--name", "shop/api"]
    assert list(json.loads(words[6])) == ["token"]


@pytest.mark.parametrize(
    ("code", "fix"),
    [
        ("AccessDeniedException", "secretsmanager:GetSecretValue on shop/api"),
        ("InvalidRequestException", "restore-secret --secret-id shop/api"),
        ("ExpiredTokenException", "sign in again"),
    ],
)
def test_read_secret_refused_names_the_fix(code: str, fix: str) -> None:
    assert fix in refused(code).fix


def test_read_secret_lets_through_what_may_pass() -> None:
    client = boto3.client("secretsmanager", region_name="us-east-1")
    with Stubber(client) as stub, pytest.raises(ClientError):
        stub.add_client_error("get_secret_value", "ThrottlingException", "later")
        read_secret(client, "shop/api")


def test_read_secret_of_bytes_is_refused(client: Any) -> None:
    client.create_secret(Name="binary", SecretBinary=b"\xff")
    with pytest.raises(SecretError, match="holds no text"):
        read_secret(client, "binary")


@pytest.mark.parametrize("value", [CANARY, f'{{"token": "{CANARY}', f'["{CANARY}"]'])
def test_secret_that_is_no_object_has_no_fields_and_shows_nothing(value: str) -> None:
    assert "not a JSON object" in error_of(Secret("shop/api", value), "token").message


@pytest.mark.parametrize("value", [None, "", True, [CANARY], {"a": CANARY}])
def test_secret_field_that_is_no_text_is_missing(value: object) -> None:
    secret = Secret("shop/api", json.dumps({"token": value, "user": CANARY}))
    error = error_of(secret, "token", "password")
    assert error.message == 'secret shop/api has no field "token" and no field "password"'
    assert list(json.loads(shlex.split(error.fix)[-1])) == ["token", "password", "user"]
