"""The embedded cloud's HTTP APIs: routes, authorisation, limits, and the function behind them."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from joserfc.jwk import RSAKey
from support.functions import make_role, zipped
from support.token_issuer import Issuer

CODE = """
import json

def handle(event, context):
    if event.get("body") == "raise":
        raise RuntimeError("hidden from the caller")
    seen = {name: event.get(name) for name in ("routeKey", "pathParameters", "body", "rawPath")}
    seen["query"] = event.get("queryStringParameters")
    seen["caller"] = event["requestContext"].get("authorizer")
    return {"statusCode": 202, "headers": {"X-Kind": "test"}, "body": json.dumps(seen)}
"""


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    yield made
    made.close()


def describe_api(issuer: Issuer, function: str) -> dict[str, Any]:
    integration = {"type": "AWS_PROXY", "payloadFormatVersion": "2.0", "uri": function}

    def operation(security: list[dict[str, list[str]]]) -> dict[str, Any]:
        return {
            "x-amazon-apigateway-integration": integration,
            "responses": {"202": {"description": "accepted"}},
            "security": security,
        }

    jwt_scheme = {
        "type": "oauth2",
        "x-amazon-apigateway-authorizer": {
            "type": "jwt",
            "identitySource": "$request.header.Authorization",
            "jwtConfiguration": {"issuer": issuer.url, "audience": ["shop"]},
        },
    }
    sigv4 = {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "x-amazon-apigateway-authtype": "awsSigv4",
    }
    return {
        "openapi": "3.0.1",
        "info": {"title": "test", "version": "1", "description": "A test's."},
        "paths": {
            "/open/{name}": {"post": operation([])},
            "/open/special": {"post": operation([])},
            "/signed": {"post": operation([{"signed": []}])},
            "/token": {"post": operation([{"token": []}])},
            "/scoped": {"post": operation([{"token": ["write"]}])},
        },
        "components": {"securitySchemes": {"signed": sigv4, "token": jwt_scheme}},
    }


@pytest.fixture(scope="module")
def url(client: Callable[[str], Any], issuer: Issuer) -> str:
    role = make_role(client, "api-function")
    function = client("lambda").create_function(
        FunctionName="behind-the-api",
        Runtime="python3.12",
        Role=role,
        Handler="shop.handle",
        Code={"ZipFile": zipped(CODE)},
    )["FunctionArn"]
    gateway = client("apigatewayv2")
    made = gateway.create_api(Name="test", ProtocolType="HTTP")
    gateway.reimport_api(ApiId=made["ApiId"], Body=json.dumps(describe_api(issuer, function)))
    gateway.create_stage(
        ApiId=made["ApiId"],
        StageName="$default",
        AutoDeploy=True,
        RouteSettings={
            "POST /open/special": {"ThrottlingBurstLimit": 2, "ThrottlingRateLimit": 0.001}
        },
    )
    found: str = made["ApiEndpoint"]
    return found


def post(url: str, path: str, body: str = "{}", **headers: str) -> httpx.Response:
    return httpx.post(f"{url}{path}", content=body.encode(), headers=headers, trust_env=False)


def test_request_reaches_the_function_with_its_parts(url: str) -> None:
    answer = post(url, "/open/a%20b?x=1&x=2&y=", "hello")
    assert (answer.status_code, answer.headers["x-kind"]) == (202, "test")
    assert answer.json() == {
        "routeKey": "POST /open/{name}",
        "pathParameters": {"name": "a b"},
        "body": "hello",
        "rawPath": "/open/a%20b",
        "query": {"x": "1,2", "y": ""},
        "caller": None,
    }


def test_request_without_a_route_is_not_found(url: str) -> None:
    assert post(url, "/elsewhere").status_code == 404
    assert httpx.get(f"{url}/open/x", trust_env=False).status_code == 404


def test_function_that_raises_is_an_internal_error_without_its_words(url: str) -> None:
    answer = post(url, "/open/x", "raise")
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})


def test_more_requests_than_the_route_takes_are_refused(url: str) -> None:
    statuses = [post(url, "/open/special").status_code for _ in range(4)]
    assert statuses == [202, 202, 429, 429]


def test_body_over_the_limit_is_refused(url: str) -> None:
    assert post(url, "/open/x", "x" * (10 * 1024 * 1024 + 1)).status_code == 413


def test_signed_route_wants_a_genuine_signature(url: str, client: Callable[[str], Any]) -> None:
    assert post(url, "/signed").status_code == 403
    frozen = client("sts")._request_signer._credentials.get_frozen_credentials()
    for secret, status in ((frozen.secret_key, 202), ("forged", 403)):
        request = AWSRequest("POST", f"{url}/signed", data=b"{}")
        SigV4Auth(Credentials(frozen.access_key, secret), "execute-api", "us-east-1").add_auth(
            request
        )
        answer = post(url, "/signed", **dict(request.headers))
        assert answer.status_code == status
    assert "iam" in post_signed(url, frozen).json()["caller"]


def post_signed(url: str, frozen: Any) -> httpx.Response:
    request = AWSRequest("POST", f"{url}/signed", data=b"{}")
    SigV4Auth(frozen, "execute-api", "us-east-1").add_auth(request)
    return post(url, "/signed", **dict(request.headers))


def test_token_route_wants_a_token_of_its_issuer(url: str, issuer: Issuer) -> None:
    good = post(url, "/token", Authorization=f"Bearer {issuer.token(sub='ann')}")
    assert good.status_code == 202
    assert good.json()["caller"]["jwt"]["claims"]["sub"] == "ann"
    header = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    bad = {
        "garbage": "x",
        "expired": issuer.token(exp=int(time.time()) - 1),
        "other audience": issuer.token(aud="warehouse"),
        "other issuer": issuer.token(iss="https://example.com"),
        "forged": issuer.token(RSAKey.generate_key(2048, {"kid": "one"})),
        "unsigned": f"{header}.{issuer.token().split('.')[1]}.",
    }
    statuses = {
        name: post(url, "/token", Authorization=f"Bearer {token}").status_code
        for name, token in bad.items()
    }
    assert statuses == dict.fromkeys(bad, 401)


def test_token_without_the_scope_is_forbidden(url: str, issuer: Issuer) -> None:
    for scope, status in (("read", 403), ("read write", 202)):
        token = issuer.token(scope=scope)
        assert post(url, "/scoped", Authorization=f"Bearer {token}").status_code == status


def test_apis_of_other_kinds_are_refused(client: Callable[[str], Any]) -> None:
    with pytest.raises(ClientError, match="does not execute"):
        client("apigateway").create_rest_api(name="rest")
    with pytest.raises(ClientError, match="WebSocket"):
        client("apigatewayv2").create_api(Name="socket", ProtocolType="WEBSOCKET")
