"""The embedded cloud's webhook: who knows its address may tell the alerts' topic."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from etl.settings import Settings, load_settings
from local_cloud.alert_webhook import provide_alert_webhook
from local_cloud.context import Cloud, Credentials

SECRET = "etl-local/alerts-webhook"


class Provided:
    """A cloud with its webhook, on moto in this process."""

    def __init__(self, home: Path, settings: Settings) -> None:
        key = Credentials(access_key_id="AKIA", secret_access_key="made up")
        self.cloud = Cloud(home=home, endpoint_url="http://127.0.0.1:1", credentials=key)
        self.cloud.client = lambda service: boto3.client(service, region_name="us-east-1")
        self.topic = self.cloud.client("sns").create_topic(Name=settings.alerts.topic_name)
        self.settings = settings
        self.provide()

    def provide(self) -> str:
        """Provide it; the path that the secret holds."""
        provide_alert_webhook(self.cloud, self.settings)
        text = self.cloud.client("secretsmanager").get_secret_value(SecretId=SECRET)["SecretString"]
        return str(json.loads(text)["url"]).removeprefix("http://127.0.0.1:1/_alerts")

    def post(self, path: str, body: bytes, method: str = "POST") -> str:
        """The status of a request."""
        answered: list[str] = []
        environ: Any = {
            "PATH_INFO": path,
            "REQUEST_METHOD": method,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }
        self.cloud.mounts["/_alerts"](environ, lambda status, headers: answered.append(status))
        return answered[0]


@pytest.fixture
def provided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Provided(tmp_path, load_settings("local"))


def test_webhook_takes_a_text_from_who_knows_its_address(provided: Provided) -> None:
    path = provided.provide()
    assert provided.post(path, b'{"text": "a run crashed\\n\\nwhere: here"}') == "200 OK"
    assert provided.post(path + "0", b'{"text": "a"}') == "404 Not Found"
    assert provided.post(path, b'{"text": "a"}', method="GET") == "405 Method Not Allowed"
    for body in (b"", b"a run", b"[]", b'{"texts": 1}', b'{"text": " "}'):
        assert provided.post(path, body) == "400 Bad Request"


def test_webhook_s_secret_stays_and_is_mended(provided: Provided) -> None:
    secrets = provided.cloud.client("secretsmanager")
    path = provided.provide()
    assert len(secrets.list_secret_version_ids(SecretId=SECRET)["Versions"]) == 1
    secrets.put_secret_value(SecretId=SECRET, SecretString="{}")
    assert provided.provide() == path
    secrets.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
    secrets.create_secret(Name=SECRET)
    assert provided.provide() == path
