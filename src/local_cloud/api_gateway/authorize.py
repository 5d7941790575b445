"""Whether a request may reach its route: by IAM's signature or by a JSON web token."""

from __future__ import annotations

import json
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from local_cloud.callers import Refusal, authenticate, caller_arn
from local_cloud.context import Cloud
from local_cloud.iam import AccessDenied, Permission
from local_cloud.signatures import read_signature

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"]
_TIMEOUT_SECONDS = 5
_KEYS_SECONDS = 300


class DeniedError(Exception):
    """A request that ends here, with the status and message that API Gateway gives."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def authorize(
    cloud: Cloud, api: Any, route: Any, environ: WSGIEnvironment, body: bytes
) -> dict[str, Any] | None:
    """What the function learns of the caller; None for an open route.

    Raises:
        DeniedError: The caller may not.
    """
    match route.authorization_type:
        case "AWS_IAM":
            return _by_signature(cloud, api, environ, body)
        case "JWT":
            authorizer = api.get_authorizer(route.authorizer_id)
            return _by_token(authorizer, route.authorization_scopes or [], environ)
        case "NONE" | None:
            return None
    raise DeniedError("501 Not Implemented", f"{route.authorization_type} is not run here")


def _by_signature(cloud: Cloud, api: Any, environ: WSGIEnvironment, body: bytes) -> dict[str, Any]:
    signature = read_signature(environ)
    try:
        found = authenticate(cloud, signature, environ, body)
    except Refusal as error:
        raise DeniedError("403 Forbidden", "Forbidden") from error
    if found.service != "execute-api":
        raise DeniedError("403 Forbidden", "Forbidden")
    try:
        cloud.guard.admit_as(found.access_key_id, _invocation(cloud, api, environ))
    except AccessDenied as error:
        raise DeniedError("403 Forbidden", "Forbidden") from error
    arn = caller_arn(cloud, found)
    return {
        "iam": {
            "accessKey": found.access_key_id,
            "accountId": cloud.account_id,
            "callerId": arn,
            "userArn": arn,
            "userId": arn.rpartition("/")[2],
        }
    }


def _invocation(cloud: Cloud, api: Any, environ: WSGIEnvironment) -> Permission:
    """Stage, method and path: "Control access to HTTP APIs with IAM authorization"."""
    path = environ["RAW_URI"].partition("?")[0].partition(f"/{api.api_id}/")[2]
    called = f"{environ['REQUEST_METHOD']}/{path}"
    return Permission("execute-api:Invoke", f"{execution_arn(cloud, api)}/{called}")


def execution_arn(cloud: Cloud, api: Any) -> str:
    """What the ARN of a call begins with: the API's and its stage's."""
    return f"arn:aws:execute-api:{cloud.region}:{cloud.account_id}:{api.api_id}/$default"


def _by_token(authorizer: Any, scopes: list[str], environ: WSGIEnvironment) -> dict[str, Any]:
    unauthorized = DeniedError("401 Unauthorized", "Unauthorized")
    scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    token = token if scheme.lower() == "bearer" else scheme
    wanted = authorizer.jwt_config
    issuer, audiences = wanted.get("issuer") or wanted.get("Issuer"), _audiences(wanted)
    try:
        keys = _keys(issuer, int(time.time() // _KEYS_SECONDS))
        claims = jwt.decode(token, keys, algorithms=_ALGORITHMS).claims
    except (JoseError, ValueError, OSError) as error:
        raise unauthorized from error
    now = time.time()
    given = claims.get("aud") or claims.get("client_id")
    is_meant = bool(audiences & set(given if isinstance(given, list) else [given]))
    is_valid = claims.get("nbf", 0) <= now < claims.get("exp", 0)
    if claims.get("iss") != issuer or not is_meant or not is_valid:
        raise unauthorized
    granted = str(claims.get("scope") or claims.get("scp") or "").split()
    if scopes and not set(scopes) & set(granted):
        raise DeniedError("403 Forbidden", "Forbidden")
    shown = {name: str(value) for name, value in claims.items()}
    return {"jwt": {"claims": shown, "scopes": granted or None}}


def _audiences(wanted: dict[str, Any]) -> set[str]:
    found = wanted.get("audience") or wanted.get("Audience") or []
    return {found} if isinstance(found, str) else set(found)


@lru_cache(maxsize=8)
def _keys(issuer: str, _period: int) -> KeySet:
    """The issuer's public keys, looked up again every few minutes."""
    with urlopen(
        f"{issuer.rstrip('/')}/.well-known/openid-configuration", timeout=_TIMEOUT_SECONDS
    ) as answer:
        place = json.load(answer)["jwks_uri"]
    with urlopen(place, timeout=_TIMEOUT_SECONDS) as answer:
        return KeySet.import_key_set(json.load(answer))
