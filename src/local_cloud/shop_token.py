"""The token that the demo shop's API demands, made by chance and kept in Secrets Manager."""

from __future__ import annotations

import hmac
import json
import secrets

from etl.settings import load_settings
from local_cloud.context import Cloud

_PLACE = "shop_api_secret"
_FIELD = "token"


class ShopToken:
    """Who may ask the shop: whoever sends what the secret holds that config/local.yml names."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._known = ""

    def provide(self) -> None:
        """Make the secret or fill an empty one, as Terraform makes it; a value stays."""
        name = load_settings("local").places.get(_PLACE)
        client = self._cloud.client("secretsmanager")
        value = json.dumps({_FIELD: secrets.token_urlsafe(24)})
        try:
            if name:
                client.create_secret(Name=name, SecretString=value)
        except client.exceptions.ResourceExistsException:
            if not client.describe_secret(SecretId=name).get("VersionIdsToStages"):
                client.put_secret_value(SecretId=name, SecretString=value)

    def admits(self, authorization: str) -> bool:
        """Whether an Authorization header has the token."""
        return self._is_known(authorization) or (self._read() and self._is_known(authorization))

    def _is_known(self, authorization: str) -> bool:
        return bool(self._known) and hmac.compare_digest(
            authorization.encode(), f"Bearer {self._known}".encode()
        )

    def _read(self) -> bool:
        """Learn the secret's value, which anybody may have changed."""
        client = self._cloud.client("secretsmanager")
        try:
            name = load_settings("local").places[_PLACE]
            text = client.get_secret_value(SecretId=name)["SecretString"]
            self._known = str(json.loads(text)[_FIELD])
        except (client.exceptions.ResourceNotFoundException, KeyError, TypeError, ValueError):
            self._known = ""
        return bool(self._known)
