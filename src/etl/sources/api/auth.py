"""Credentials of an API: read from a secret, sent to the API's own host, shown nowhere."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Generator
from typing import Any
from urllib.parse import quote

import httpx

from etl.errors import SecretError, SourceError
from etl.secrets import Secret, read_secret
from etl.sources.api.hidden import Hidden, excerpt
from etl.sources.api.http import RETRIED, Retry
from etl.sources.api.options import Access
from etl.sources.api.urls import origin_of, show_url

_HEADER_TEXT = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")  # RFC 9110, 5.5
_LIFETIME_SECONDS = 300  # of a token of which the answer does not say
_USED_OF_LIFETIME = 0.9
_Flow = Generator[httpx.Request, httpx.Response, None]
_Sign = Callable[[httpx.Request], None]


def make_auth(
    access: Access, origin: httpx.URL, *, secrets: Callable[[], Any], hidden: Hidden
) -> httpx.Auth | None:
    """What signs requests to the host of `origin`, and none to others; None if nothing is to.

    Args:
        secrets: Makes a Secrets Manager client.
        hidden: Is told what must not be shown.

    Raises:
        SecretError: The secret is missing, may not be read, or does not hold what is needed.
    """
    if access.auth == "none" or access.secret is None:
        return None
    secret = read_secret(secrets(), access.secret, expected=_expected(access))
    match access.auth:
        case "basic":
            user, password = secret.fields(access.username_field, access.password_field)
            return _Static(origin, _basic(user, password, hidden))
        case "oauth2":
            return _ClientCredentials(origin, access, secret, hidden)
    token = secret.field(access.token_field) if access.token_field else secret.text
    hidden.add(token)
    if access.auth == "query":
        return _Static(origin, _parameter(access.auth_param, token))
    if not _HEADER_TEXT.fullmatch(token):
        raise SecretError(
            f"the token in secret {secret.name} has a character that no HTTP header may hold;"
            " often it is a line break at the end",
            fix=f"put the token alone: aws secretsmanager put-secret-value"
            f" --secret-id {secret.name} --secret-string …",
        )
    if access.auth == "header":
        return _Static(origin, _header(access.auth_header, token))
    return _Static(origin, _header("Authorization", f"Bearer {token}"))


def _expected(access: Access) -> tuple[str, ...]:
    match access.auth:
        case "basic":
            return access.username_field, access.password_field
        case "oauth2":
            return access.client_id_field, access.client_secret_field
    return (access.token_field,) if access.token_field else ()


def _basic(user: str, password: str, hidden: Hidden) -> _Sign:
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    hidden.add(password)
    hidden.add(encoded)
    return _header("Authorization", f"Basic {encoded}")


def _header(name: str, value: str) -> _Sign:
    def sign(request: httpx.Request) -> None:
        request.headers[name] = value

    return sign


def _parameter(name: str, value: str) -> _Sign:
    def sign(request: httpx.Request) -> None:
        request.url = _QuietURL(request.url.copy_merge_params({name: value}), name)

    return sign


class _QuietURL(httpx.URL):
    """A URL with a credential in a parameter: httpx logs the text of every URL it asks for."""

    def __init__(self, url: httpx.URL, hidden_param: str) -> None:
        super().__init__(url)
        self._shown = str(url.copy_merge_params({hidden_param: "***"}))

    def __str__(self) -> str:
        return self._shown

    def __repr__(self) -> str:
        return f"URL({self._shown!r})"


class _Signed(httpx.Auth):
    """Signs what goes to one origin."""

    def __init__(self, origin: httpx.URL) -> None:
        self._origin = origin_of(origin)

    def sync_auth_flow(self, request: httpx.Request) -> _Flow:
        """httpx's hook: yields what to send, and is sent what came back."""
        if origin_of(request.url) == self._origin:
            yield from self.sign(request)
        else:
            yield request

    def sign(self, request: httpx.Request) -> _Flow:
        """Yield the request with the credential."""
        raise NotImplementedError


class _Static(_Signed):
    """A credential that stays as it is."""

    def __init__(self, origin: httpx.URL, sign: _Sign) -> None:
        super().__init__(origin)
        self._sign = sign

    def sign(self, request: httpx.Request) -> _Flow:
        self._sign(request)
        yield request


class _ClientCredentials(_Signed):
    """A bearer token from a token endpoint, fetched anew shortly before it ends or at a 401."""

    def __init__(self, origin: httpx.URL, access: Access, secret: Secret, hidden: Hidden) -> None:
        super().__init__(origin)
        self._url = httpx.URL(access.token_url or "")
        self._secret_name = secret.name
        names = access.client_id_field, access.client_secret_field
        client_id, client_secret = secret.fields(*names)
        hidden.add(client_secret)
        # RFC 6749, 2.3.1: both are form-encoded first.
        self._sign_client = _basic(quote(client_id, safe=""), quote(client_secret, safe=""), hidden)
        self._form = {"grant_type": "client_credentials"}
        if access.scope:
            self._form["scope"] = access.scope
        self._hidden = hidden
        self._ends_at = 0.0
        self._sign = _header("Authorization", "")

    def sign(self, request: httpx.Request) -> _Flow:
        is_fresh = time.monotonic() >= self._ends_at
        if is_fresh:
            yield from self._renew(request)
        self._sign(request)
        response = yield request
        if response.status_code == 401 and not is_fresh:
            yield from self._renew(request)
            self._sign(request)
            yield request

    def _renew(self, like: httpx.Request) -> _Flow:
        asking = httpx.Request("POST", self._url, data=self._form, extensions=like.extensions)
        asking.headers["Accept"] = "application/json"
        self._sign_client(asking)
        response = yield asking
        response.read()
        if response.status_code in RETRIED:
            raise Retry(f"the token endpoint answered {response.status_code}")
        token, seconds = self._read_token(response)
        self._sign = _header("Authorization", f"Bearer {token}")
        self._ends_at = time.monotonic() + seconds * _USED_OF_LIFETIME

    def _read_token(self, response: httpx.Response) -> tuple[str, float]:
        answer = _json_object(response) if response.status_code == 200 else {}
        token = answer.get("access_token")
        if not isinstance(token, str) or not _HEADER_TEXT.fullmatch(token):
            shown = "" if answer else f": {excerpt(response.content, self._hidden)}"
            raise SourceError(
                f"the token endpoint {show_url(self._url)} gave no token:"
                f" it answered {response.status_code}{shown}",
                fix=f"check tokenUrl and scope, and the client in secret {self._secret_name}",
            )
        self._hidden.add(token)
        lifetime = answer.get("expires_in")
        if isinstance(lifetime, (int, float)) and lifetime > 0:
            return token, float(lifetime)
        return token, _LIFETIME_SECONDS


def _json_object(response: httpx.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
