"""The ingestion API over HTTP, from the OpenAPI file, with its authorisation and its function."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.credentials import Credentials
from joserfc.jwk import RSAKey
from support.access_log import stands_for
from support.ingest import event_record
from support.ingest_calls import Caller, as_json, make_api, make_mortal_api
from support.streams import extracted
from support.token_issuer import Issuer

from etl.contracts import load_contract
from etl.ingest.openapi import render
from etl.model import Contract
from etl.settings import Ingest, load_settings
from etl.stream.collect import collect_stream

SETTINGS = load_settings("local")
RECORDS, TIMES, AT_ONCE = 500, 3, 16


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    limits = httpx.Limits(max_connections=AT_ONCE)
    with httpx.Client(trust_env=False, timeout=60, limits=limits) as made:
        yield made


@pytest.fixture(scope="module")
def credentials(client: Callable[[str], Any]) -> Any:
    return client("sts")._request_signer._credentials.get_frozen_credentials()


@pytest.fixture(scope="module")
def caller(cloud: dict[str, str], credentials: Any, http: httpx.Client) -> Caller:
    return Caller(cloud["INGEST_API_URL"], credentials, http)


def events_apart(name: str) -> Contract:
    """The events contract, with a place of its own in the raw bucket."""
    contract = load_contract("events", settings=SETTINGS)
    raw = f"s3://{SETTINGS.buckets.raw}/raw/{name}/events/"
    return replace(contract, places=replace(contract.places, raw=raw))


def count_objects(s3: Any) -> Counter[str]:
    """How many objects lie in each bucket that the function writes to."""
    found: Counter[str] = Counter()
    for bucket in (SETTINGS.buckets.raw, SETTINGS.buckets.artifacts):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            found[bucket] += page["KeyCount"]
    return found


def test_every_record_arrives_once_though_sent_thrice_by_many_and_runs_die(
    client: Callable[[str], Any], credentials: Any, http: httpx.Client
) -> None:
    name = f"ingest-{uuid.uuid4().hex[:8]}"
    stands_for(f"{name}-ingest", SETTINGS.ingest.function_name)
    stands_for(f"s3:::{name}", f"s3:::{SETTINGS.buckets.artifacts}")
    stands_for(f"raw/{name}", "raw/tracker")
    contract = events_apart(name)
    url = make_mortal_api(client, artifacts=name, contract=contract)
    caller = Caller(url, credentials, http)
    died: Counter[int] = Counter()

    def send(number: int) -> tuple[int, str]:
        body = as_json(event_record(number))
        while True:
            answer = caller.post("/ingest/events", body)
            died[answer.status_code] += 1
            if answer.status_code == 202:
                return number, answer.text

    requests = list(range(RECORDS)) * TIMES
    random.Random(1).shuffle(requests)
    first = datetime.now(UTC).date()
    with ThreadPoolExecutor(AT_ONCE) as senders:
        answers = set(senders.map(send, requests))

    assert set(died) == {202, 500}
    assert died[202] == RECORDS * TIMES and died[500] > RECORDS * TIMES * 0.02
    assert len(answers) == RECORDS  # the same answer each time
    lines: list[bytes] = []
    for day in {first, first + timedelta(days=1), datetime.now(UTC).date()}:
        manifest = collect_stream(
            client("s3"), contract=contract, run_date=day, contract_uri="s3://unused/1.json"
        )
        lines += extracted(client("s3"), manifest)
    assert sorted(lines) == sorted(as_json(event_record(n)) + b"\n" for n in range(RECORDS))


def test_batch_is_judged_stored_and_followed(caller: Caller, client: Callable[[str], Any]) -> None:
    records = [event_record(1, session_id=uuid.uuid4().hex), {}]
    lines = b"\n".join(map(as_json, records))
    answer = caller.post("/ingest/events", lines, **{"content-type": "application/x-ndjson"})
    assert answer.status_code == 202
    content = answer.json()
    assert [each["accepted"] for each in content["verdicts"]] == [True, False]
    state = caller.get(answer.headers["location"])
    assert state.status_code == 200
    assert (state.json()["state"], state.json()["accepted"]) == ("stored", 1)
    key = {"idempotency-key": uuid.uuid4().hex}
    assert caller.post("/ingest/events", as_json(records[0]), **key).status_code == 202
    objects = count_objects(client("s3"))
    answer = caller.post("/ingest/events", as_json(records), **key)
    assert (answer.status_code, answer.json()["status"]) == (409, 409)
    assert count_objects(client("s3")) == objects


def test_bad_input_is_a_problem_and_nothing_is_written(
    caller: Caller, client: Callable[[str], Any]
) -> None:
    good = as_json(event_record(1))
    limit = SETTINGS.ingest.body_limit_mib * 1024**2
    requests: list[tuple[int, str, bytes, dict[str, str]]] = [
        (415, "events", b"a,b\n1,2\n", {"content-type": "text/csv"}),
        (400, "events", good[:-5], {}),
        (400, "events", b"\xff\xfe", {}),
        (404, "nothing", good, {}),
        (404, "orders", good, {}),
        (413, "events", b" " * (limit + 1), {}),
        (413, "events", b"[" + b"{}," * SETTINGS.ingest.batch_limit + b"{}]", {}),
        (422, "events", b"{}", {}),
        (422, "events", b"[{}, {}]", {}),
    ]
    objects = count_objects(client("s3"))
    for status, dataset, body, headers in requests:
        answer = caller.post(f"/ingest/{dataset}", body, **headers)
        assert (answer.status_code, answer.json()["status"]) == (status, status), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]
    assert caller.get("/ingest/events-" + "0" * 32).status_code == 404
    assert count_objects(client("s3")) == objects


def test_caller_who_is_nobody_is_refused_and_nothing_is_written(
    caller: Caller, client: Callable[[str], Any]
) -> None:
    objects = count_objects(client("s3"))
    body = as_json(event_record(2))
    unsigned = caller.http.post(f"{caller.url}/ingest/events", content=body)
    forged = Caller(
        caller.url, Credentials(caller.credentials.access_key, "forged"), caller.http
    ).post("/ingest/events", body)
    assert (unsigned.status_code, forged.status_code) == (403, 403)
    assert json.loads(forged.text) == {"message": "Forbidden"}
    assert count_objects(client("s3")) == objects


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    yield made
    made.close()


@pytest.fixture
def description(issuer: Issuer, client: Callable[[str], Any]) -> str:
    """The API's description where callers have tokens, with the environment's own function."""
    wanted = {"auth": "jwt", "jwt_issuer": issuer.url, "jwt_audience": ("shop",)}
    settings = SETTINGS.model_copy(
        update={"ingest": Ingest(**SETTINGS.ingest.model_dump() | wanted)}
    )
    function = client("lambda").get_function(FunctionName=settings.ingest.function_name)
    arn = function["Configuration"]["FunctionArn"]
    return render(settings, [events_apart("tokens")], function_arn=arn)


def test_caller_with_a_token_is_known_by_its_issuer(
    description: str, issuer: Issuer, http: httpx.Client, client: Callable[[str], Any]
) -> None:
    url = make_api(client, description)
    forged = issuer.token(RSAKey.generate_key(2048, {"kid": "one"}))
    objects = count_objects(client("s3"))
    headers = {"content-type": "application/json"}
    body = as_json(event_record(3, session_id=uuid.uuid4().hex))

    def send(**more: str) -> int:
        given = headers | more
        return http.post(f"{url}/ingest/events", content=body, headers=given).status_code

    assert (send(), send(authorization=f"Bearer {forged}")) == (401, 401)
    assert count_objects(client("s3")) == objects
    assert send(authorization=f"Bearer {issuer.token()}") == 202


def test_requests_made_from_the_description_are_answered_as_it_says(
    description: str, issuer: Issuer, client: Callable[[str], Any], tmp_path: Path
) -> None:
    path = tmp_path / "openapi.yaml"
    path.write_text(description)
    checks = "not_a_server_error,status_code_conformance,content_type_conformance"
    done = subprocess.run(
        [str(Path(sys.executable).with_name("schemathesis")), "--no-color", "run", str(path)]
        + ["--url", make_api(client, description), "--max-examples", "60", "--mode", "positive"]
        + ["--phases", "examples,coverage,fuzzing", "--request-timeout", "60", "--seed", "1"]
        + ["--checks", f"{checks},response_schema_conformance", "--generation-database", "none"]
        + ["--header", f"Authorization: Bearer {issuer.token(exp=int(time.time()) + 600)}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
