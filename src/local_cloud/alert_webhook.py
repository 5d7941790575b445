"""A webhook that hands on to the alerts' topic what it is told, as Slack's hand it to a channel."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

from aws.sns import publish
from etl.settings import Settings
from local_cloud.context import Cloud

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from mypy_boto3_secretsmanager import SecretsManagerClient

_MOUNT = "/_alerts"
_LIMIT_BYTES = 65_536


def provide_alert_webhook(cloud: Cloud, settings: Settings) -> None:
    """Answer at the address that the secret alerts.webhook_secret holds."""
    alerts = settings.alerts
    if not (alerts.webhook_secret and alerts.topic_name):
        return
    key = cloud.credentials.secret_access_key.encode()
    token = hmac.new(key, _MOUNT.encode(), hashlib.sha256).hexdigest()
    topic = f"arn:aws:sns:{cloud.region}:{cloud.account_id}:{alerts.topic_name}"
    cloud.mounts[_MOUNT] = _Webhook(cloud, token, topic)
    value = json.dumps({"url": f"{cloud.endpoint_url}{_MOUNT}/{token}"})
    _put_secret(cloud.client("secretsmanager"), alerts.webhook_secret, value)


def _put_secret(client: SecretsManagerClient, name: str, value: str) -> None:
    """Have the value in the secret, which may be missing, or have none yet."""
    absent = client.exceptions.ResourceNotFoundException
    try:
        if client.get_secret_value(SecretId=name)["SecretString"] == value:
            return
    except absent:
        pass
    try:
        client.put_secret_value(SecretId=name, SecretString=value)
    except absent:
        client.create_secret(Name=name, SecretString=value)


class _Webhook:
    """Takes {"text": …} from who knows the address."""

    def __init__(self, cloud: Cloud, token: str, topic_arn: str) -> None:
        self._cloud = cloud
        self._path = f"/{token}"
        self._topic_arn = topic_arn

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(self._take(environ), [("Content-Length", "0")])
        return []

    def _take(self, environ: WSGIEnvironment) -> str:
        if not hmac.compare_digest(environ["PATH_INFO"].encode(), self._path.encode()):
            return "404 Not Found"
        if environ["REQUEST_METHOD"] != "POST":
            return "405 Method Not Allowed"
        length = int(environ.get("CONTENT_LENGTH") or 0)
        text = _text(environ["wsgi.input"].read(min(length, _LIMIT_BYTES)))
        if not text:
            return "400 Bad Request"
        title = text.splitlines()[0]
        sns = self._cloud.client("sns")
        publish(sns, topic_arn=self._topic_arn, subject=title, message=text)
        return "200 OK"


def _text(body: bytes) -> str:
    try:
        found: Any = json.loads(body)
        return str(found["text"]).strip()
    except (ValueError, TypeError, KeyError):
        return ""
