from __future__ import annotations

import base64
import json
import logging
import traceback
from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest
from moto import mock_aws
from source_samples import make_contract, serve
from support.scripted_http import EMPTY, Response, Scripted, ok, refusal
from support.source_contexts import source_context

from etl.errors import ContractError, EtlError, SecretError, SourceError
from etl.sources.open import open_source
from local_cloud import source_api

DAY = date(2026, 1, 5)
NAME = "shop/api"
CANARY = "canary+7f3a/c4b1=="  # has what URLs encode
QUICK = {"backoff_seconds": 0.001, "attempts": 2, "longest_wait_seconds": 0.01}
STATIC: dict[str, dict[str, Any]] = {
    "bearer": {"auth": "bearer", "token_field": "token"},
    "basic": {"auth": "basic"},
    "header": {"auth": "header", "token_field": "token", "auth_header": "X-Shop-Key"},
    "query": {"auth": "query", "token_field": "token", "auth_param": "k"},
}
FIELDS = {"token": CANARY, "username": "ann", "password": CANARY}
CLIENTS: dict[str, Any] = {}
BASIC = base64.b64encode(f"ann:{CANARY}".encode()).decode()


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("secretsmanager", region_name="us-east-1")
        client.create_secret(Name=NAME, SecretString="to be replaced")
        yield client


@pytest.fixture(autouse=True)
def secrets(client: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    put(client, FIELDS)
    monkeypatch.setitem(CLIENTS, "secretsmanager", client)
    return client


def read(location: str, **options: Any) -> list[bytes]:
    contract = make_contract(location, options=QUICK | {"secret": NAME} | options)
    items = open_source(contract, source_context(DAY, **CLIENTS)).items
    return [each for each in items if isinstance(each, bytes)]


def put(client: Any, value: Any) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    client.put_secret_value(SecretId=NAME, SecretString=text)


def sent(script: Scripted, at: int = -1) -> tuple[str | None, str | None, dict[str, str]]:
    """The credentials of a request: Authorization, X-Shop-Key, query."""
    environ = script.headers[at]
    return environ.get("HTTP_AUTHORIZATION"), environ.get("HTTP_X_SHOP_KEY"), script.queries[at]


@pytest.mark.parametrize("kind", STATIC)
def test_api_gets_the_credential_that_the_secret_holds_with_every_request(kind: str) -> None:
    script = Scripted(ok('{"data": [1], "next_cursor": 2}'), refusal("503 Busy"), EMPTY)
    with serve(script) as url:
        assert read(url, **STATIC[kind]) == [b"1"]
    for at in range(3):
        authorization, header, query = sent(script, at)
        assert authorization == {"bearer": f"Bearer {CANARY}", "basic": f"Basic {BASIC}"}.get(kind)
        assert header == (CANARY if kind == "header" else None)
        assert query.get("k") == (CANARY if kind == "query" else None)


def test_api_token_may_be_the_whole_secret(secrets: Any) -> None:
    put(secrets, CANARY)
    script = Scripted(EMPTY)
    with serve(script) as url:
        read(url, auth="bearer")
    assert sent(script)[0] == f"Bearer {CANARY}"


def test_shop_answers_only_the_token_of_its_secret() -> None:
    with serve(source_api.guarded(lambda given: given == f"Bearer {CANARY}")) as url:
        assert len(read(f"{url}/_source/shop/orders", auth="bearer", token_field="token")) == 2000
        with pytest.raises(SourceError, match="answered 401") as caught:
            read(f"{url}/_source/shop/orders", auth="none", secret=None)
    assert "auth" in caught.value.fix


# Nothing is shown

ECHO = json.dumps({"you sent": [CANARY, BASIC]}).encode()
FAILURES: dict[str, list[Response]] = {
    "refused": [refusal("403 Forbidden", body=ECHO)],
    "refused with a long answer": [refusal("403 Forbidden", body=b"x" * 190 + ECHO)],
    "redirect": [refusal("302 Found", ("Location", f"/x?again={CANARY}"))],
    "no page": [ok(ECHO)],
    "always busy": [refusal(f"503 {CANARY}")] * 2,
    "a cursor": [ok(f'{{"data": [1], "next_cursor": "{CANARY}"}}')]
    + [ok(f'{{"data": [2], "next_cursor": "{CANARY}"}}')] * 2,
}


def assert_unshown(text: str, kind: str) -> None:
    forms = [CANARY, CANARY[:12], "canary%2B7f3a", *([BASIC] if kind == "basic" else [])]
    assert not [form for form in forms if form in text], text


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("kind", STATIC)
def test_api_failure_shows_no_credential_even_if_the_api_repeats_it(
    kind: str, failure: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with serve(Scripted(*FAILURES[failure])) as url, pytest.raises(SourceError) as caught:
        read(url, **STATIC[kind])
    assert_unshown("".join([*traceback.format_exception(caught.value), *capfd.readouterr()]), kind)


@pytest.mark.parametrize("kind", STATIC)
def test_api_credential_is_in_no_log_of_requests(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("httpx", "httpcore", "etl"):
        caplog.set_level(logging.DEBUG, logger=name)
    with serve(Scripted(ok('{"data": [1], "next_cursor": 2}'), EMPTY)) as url:
        read(url, **STATIC[kind])
    assert caplog.text.count("HTTP Request: GET") == 2
    assert_unshown(caplog.text, kind)


@pytest.mark.parametrize("kind", STATIC)
def test_api_redirect_takes_no_credential_along(kind: str) -> None:
    other = Scripted(EMPTY)
    with serve(other) as elsewhere:
        with serve(Scripted(refusal("302 Found", ("Location", elsewhere)))) as url:
            with pytest.raises(SourceError, match="answered 302"):
                read(url, **STATIC[kind])
    assert other.headers == []


@pytest.mark.parametrize("value", [f"{CANARY}\n", f"{CANARY}\r\nX-Evil: 1", f"é{CANARY}"])
def test_api_token_that_no_header_may_hold_is_refused_unshown(secrets: Any, value: str) -> None:
    put(secrets, value)
    with pytest.raises(SecretError, match="line break") as caught:
        read("http://127.0.0.1:9", auth="bearer")
    assert CANARY not in "".join(traceback.format_exception(caught.value))


# Mistakes


@pytest.mark.parametrize(
    ("kind", "field"), [("bearer", "token"), ("basic", "password"), ("header", "token")]
)
def test_api_secret_without_the_field_names_it(secrets: Any, kind: str, field: str) -> None:
    put(secrets, {"other": CANARY})
    with pytest.raises(SecretError, match=f'no .*field "{field}"') as caught:
        read("http://127.0.0.1:9", **STATIC[kind])
    assert "put-secret-value" in caught.value.fix and CANARY not in str(caught.value)


def test_api_secret_that_is_missing_names_the_command(secrets: Any) -> None:
    with pytest.raises(SecretError, match="there is no secret shop/none") as caught:
        read("http://127.0.0.1:9", auth="basic", secret="shop/none")
    assert "create-secret --name shop/none" in caught.value.fix
    assert '"username": "…", "password": "…"' in caught.value.fix


@pytest.mark.parametrize(
    ("options", "lacking"),
    [
        ({"auth": "bearer", "secret": None}, "no secret"),
        ({"auth": "none"}, "no auth"),
        ({"auth": "oauth2"}, "no tokenUrl"),
    ],
)
def test_api_options_that_lack_another_are_refused(options: Any, lacking: str) -> None:
    with pytest.raises(ContractError, match=lacking):
        read("http://127.0.0.1:9", **options)


# OAuth 2, client credentials


class TokenApi:
    """A token endpoint and an API that demands its newest token, or what is scripted."""

    def __init__(self, *, expires_in: float = 3600, revoke_after: int | None = None) -> None:
        self.expires_in, self.revoke_after = expires_in, revoke_after
        self.tokens: list[str] = []
        self.asked: list[tuple[str, str]] = []
        self.pages = 0

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        authorization = environ.get("HTTP_AUTHORIZATION", "")
        status, body = "200 OK", b""
        if environ["PATH_INFO"] == "/token":
            form = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
            self.asked.append((authorization, form))
            self.tokens.append(f"{CANARY}-{len(self.tokens)}")
            answer = {"access_token": self.tokens[-1], "expires_in": self.expires_in}
            body = json.dumps(answer).encode()
        elif not self.tokens or authorization != f"Bearer {self.tokens[-1]}":
            status = "401 Unauthorized"
        else:
            self.pages += 1
            more = self.pages if self.pages < 3 else None
            body = json.dumps({"data": [self.pages], "next_cursor": more}).encode()
            if self.pages == self.revoke_after:
                self.tokens.append("revoked")
        start_response(status, [("Content-Length", str(len(body)))])
        return [body]


@pytest.fixture
def client_secret(secrets: Any) -> None:
    put(secrets, {"client_id": "me", "client_secret": CANARY})


def read_oauth2(api: Any, **options: Any) -> list[bytes]:
    with serve(api) as url:
        return read(f"{url}/orders", auth="oauth2", token_url=f"{url}/token", **options)


@pytest.mark.usefixtures("client_secret")
def test_api_with_oauth2_gets_one_token_for_all_pages() -> None:
    api = TokenApi()
    assert read_oauth2(api, scope="orders:read") == [b"1", b"2", b"3"]
    [(authorization, form)] = api.asked
    encoded = authorization.removeprefix("Basic ")
    assert base64.b64decode(encoded).decode() == "me:canary%2B7f3a%2Fc4b1%3D%3D"
    assert parse_qs(form) == {"grant_type": ["client_credentials"], "scope": ["orders:read"]}


@pytest.mark.usefixtures("client_secret")
def test_api_with_oauth2_gets_another_token_when_one_is_refused_or_old() -> None:
    assert read_oauth2(TokenApi(revoke_after=1)) == [b"1", b"2", b"3"]
    short_lived = TokenApi(expires_in=1e-9)
    assert read_oauth2(short_lived) == [b"1", b"2", b"3"]
    assert len(short_lived.asked) == 3


@pytest.mark.usefixtures("client_secret")
@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([refusal("401 Unauthorized", body=ECHO)], "gave no token: it answered 401"),
        ([ok('{"access_token": 5}')], "gave no token"),
        ([ok(ECHO)], "gave no token"),
        ([refusal("503 Busy")] * 2, "the token endpoint answered 503"),
        ([ok('{"access_token": "t"}'), refusal("401 Unauthorized")], "answered 401"),
    ],
)
def test_api_with_oauth2_that_fails_says_so_and_shows_nothing(
    answers: list[Response], message: str
) -> None:
    with pytest.raises(EtlError, match=message) as caught:
        read_oauth2(Scripted(*answers))
    shown = "".join(traceback.format_exception(caught.value))
    assert CANARY not in shown and "canary%2B" not in shown
