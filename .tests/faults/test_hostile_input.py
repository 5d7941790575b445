"""Input that means harm, on the embedded cloud: it is data, or refused and nothing is written."""

from __future__ import annotations

import gzip
import json
import time
import uuid
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import zstandard
from source_samples import serve
from support.access_log import stands_for
from support.faults_table import Row, record
from support.ingest import event_record
from support.ingest_calls import Caller
from support.pipeline_runs import Bench
from support.processing import event_body

from aws.sqs import delete_message, iter_messages
from etl.redrive import list_dead_letters
from etl.settings import load_settings

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

ENGINE = "duckdb"
DAY = "2026-05-07"
SETTINGS = load_settings("local")
MIB = 1024 * 1024
REFUSED = "refused, nothing written"
TEXTS = [
    "'; DROP TABLE orders; --",
    "'); DELETE FROM orders; COMMIT; --",
    '"; DROP SCHEMA public CASCADE; --',
    "$$; DROP TABLE orders; $$",
    "\\'; DROP TABLE orders; --",
    "x' OR '1'='1",
    "'||(SELECT current_user)||'",
    "E'\\x41' /* */ -- comment",
    "${raw_bucket} $(reboot) `reboot` {{ flow_run }} %(name)s %s {0} :first_date ?",
    "../../../../etc/passwd",
    "s3://etl-local-artifacts/contracts/current/orders.json",
    "<script>alert(1)</script> [click](javascript:alert(1)) ![](http://127.0.0.1:9/x) | a | b |",
    "=HYPERLINK(\"http://127.0.0.1:9\"; 'a')",
    "NULL",
    "\\N",
    "__HIVE_DEFAULT_PARTITION__",
    "\x1b[2J\x1b]0;owned\x07 \u009b31m",
    "a\r\nb\tc\u2028d\u0085e\ufefff\u202eg",
    "true",
    "0x41",
    " lead and trail ",
    "`; DROP TABLE `orders`",
    '{"$ref": "#/"}',
    "\U0001f4a3 e\u0301 \ufffd \uffff",
]


def hostile_orders() -> list[dict[str, Any]]:
    """An order for each text, which stands wherever it may; the last three are none."""
    orders: list[dict[str, Any]] = []
    for number, text in enumerate(TEXTS):
        order = {
            "order_id": f"ORD-20260507-{number:06}",
            "customer": {"id": number, "name": text, "email": text, "country": "SE", text: text},
            "status": "paid",
            "currency": "SEK",
            "subtotal": 12.50,
            "discount": None,
            "shipping": 0,
            "is_gift": False,
            "order_date": DAY,
            "ordered_at": f"{DAY}T09:15:27Z",
            "updated_at": f"{DAY}T09:15:27Z",
            "note": text,
            "items": [{"sku": "SKU-0001", "quantity": 1, "unit_price": 12.50, text: text}],
        }
        orders.append({text: text} | order)
    bad = {"order_id": TEXTS[0], "status": TEXTS[1], "order_date": TEXTS[2]}
    return orders + [orders[0] | {"order_id": "ORD-20260507-999999", k: v} for k, v in bad.items()]


def shop(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The demo shop, taken over."""
    body = json.dumps({"data": hostile_orders(), "next_cursor": None}).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("loader", ["copy", "data-api"])
def test_text_that_is_sql_elsewhere_is_text_in_the_warehouse(
    loader: str, make_bench: Callable[[], Bench], request: pytest.FixtureRequest
) -> None:
    if loader == "data-api" and request.config.getoption("--faults") == "sample":
        pytest.skip("one of two in the sample")
    bench = make_bench()
    with serve(shop) as url:
        report = bench.run_json(DAY, "--loader", loader, environ={"ETL_PLACES__SHOP_API_URL": url})
    found = bench.query("SELECT customer_name, customer_email, note FROM {s}.orders")
    assert sorted(found) == sorted((text, text, text) for text in TEXTS)
    assert report["rows"]["quarantined"] == 3
    tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = '{s}'"
    names = bench.query(tables.replace("'{s}'", f"'{bench.schema}'"))
    assert sorted(name for (name,) in names) == ["orders", "orders__ledger"]
    row = Row(
        fault="SQL, paths and markup in values and names",
        where=f"a run, loaded by {loader}",
        rows_lost=len(TEXTS) - len(found),
        rows_twice=0,
        recovered_by="nothing to recover: it is text",
    )
    record(request.node, row)


def packed_page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """An API's page of 68 kB, which are 68 MiB."""
    body = gzip.compress(bytes(68 * MIB))
    headers = [("Content-Encoding", "gzip"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]


@pytest.mark.timeout(900)
def test_bomb_in_a_source_ends_the_run_before_anything_is_staged(
    bench: Bench, request: pytest.FixtureRequest
) -> None:
    stands_for("landing/bombs", "landing/price_list")
    prefix = f"s3://{SETTINGS.buckets.raw}/landing/bombs/{uuid.uuid4().hex}/"
    header, row = b"sku;valid_from;product;notes;price;currency\n", b"a" * MIB + b";;;;;\n"
    for suffix, pack in {"gz": gzip.compress, "zst": zstandard.compress}.items():
        bench.put(f"{prefix}{suffix}/bomb.csv.{suffix}", pack(header) + pack(row) * 68)
    with serve(packed_page) as url:
        places = {
            "gzip bomb in a file": ("price_list", f"{prefix}gz/", "expansionLimit"),
            "zstd bomb in a file": ("price_list", f"{prefix}zst/", "expansionLimit"),
            "gzip bomb as an API's page": ("orders", url, "pageLimitMib"),
        }
        for what, (dataset, place, word) in places.items():
            name = "PRICE_LIST_PREFIX" if dataset == "price_list" else "SHOP_API_URL"
            environ = {f"ETL_PLACES__{name}": place}
            bench.run("2026-03-17", "--dataset", dataset, environ=environ).fails(word)
            row = Row(fault=what, where="a source", rows_lost=0, rows_twice=0, recovered_by=REFUSED)
            record(request.node, row)
    staged = bench.keys(f"s3://{SETTINGS.buckets.raw}/raw/")
    assert [key for key in staged if "2026/03/17" in key or "2026-03-17" in key] == []


def requests_of_harm() -> dict[str, tuple[str, bytes, dict[str, str], set[int]]]:
    """Path, body, headers and the answers that are right, by what it is."""
    good = json.dumps(event_record(1)).encode()
    bomb = gzip.compress(bytes(64 * MIB))
    lines = {"content-type": "application/x-ndjson"}
    return {
        "gzip bomb": ("events", bomb, {"content-encoding": "gzip"}, {415}),
        "gzip bomb without a name": ("events", bomb, {}, {400}),
        "more than body_limit_mib": ("events", b" " * (4 * MIB + 1), {}, {413}),
        "more than batch_limit": ("events", b"[" + b"{}," * 1000 + b"{}]", {}, {413}),
        "nesting without an end": ("events", b"[" * MIB, {}, {400}),
        "a text without an end": ("events", b"[" * 200 + b'"' + b'\\"' * MIB, lines, {422}),
        "a number of a million digits": (
            "events",
            b'{"event_id": 1' + b"0" * MIB + b"}",
            {},
            {422},
        ),
        "SQL in the dataset's name": ("events';%20DROP%20TABLE%20x;--", good, {}, {404}),
        "a path in the dataset's name": ("..%2F..%2Fcontracts%2Fcurrent%2Fevents", good, {}, {404}),
        "line breaks in the key": ("events", good, {"idempotency-key": "a\tb"}, {400}),
    }


@pytest.mark.timeout(300)
def test_request_of_harm_is_refused_and_nothing_is_written(
    cloud: dict[str, str], client: Callable[[str], Any], request: pytest.FixtureRequest
) -> None:
    credentials = client("sts")._request_signer._credentials.get_frozen_credentials()
    before = object_keys(client("s3"))
    with httpx.Client(trust_env=False, timeout=60) as http:
        caller = Caller(cloud["INGEST_API_URL"], credentials, http)
        for what, (path, body, headers, expected) in requests_of_harm().items():
            answer = caller.post(f"/ingest/{path}", body, **headers)
            assert answer.status_code in expected, (what, answer.text[:500])
            assert len(answer.content) < 10_000
            where = "ingest API"
            row = Row(fault=what, where=where, rows_lost=0, rows_twice=0, recovered_by=REFUSED)
            record(request.node, row)
    assert object_keys(client("s3")) == before


def object_keys(s3: Any) -> set[str]:
    """What the ingestion may have written."""
    found = set()
    for bucket, prefix in (
        (SETTINGS.buckets.raw, "raw/tracker/"),
        (SETTINGS.buckets.artifacts, "ingest/"),
    ):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            found |= {each["Key"] for each in page.get("Contents", [])}
    return found


def objects_of_harm(folder: str) -> dict[str, tuple[str, bytes | None, str]]:
    """Key, body and a word of the cause, by what it is; without a body, there is an event alone."""
    good = b"IATA,Name,City,State,Country,Latitude,Longitude\nABC,A,B,TX,USA,1.5,-2.5\n"
    root = f"incoming/airports/{folder}"
    return {
        "gzip bomb": (f"{root}/a.jsonl.gz", gzip.compress(bytes(64 * MIB)), "object_limit_mib"),
        "a file above object_limit_mib": (f"{root}/b.csv", bytes(17 * MIB), "16 MiB"),
        ".. in the key": (f"{root}/../{folder}.csv", None, "with . or .."),
        "a line break in the key": (f"{root}/c\nd.csv", None, "with a control character"),
        "a key too long to be moved": (f"{root}/{'k' * 969}.csv", good, "longer than 1024 bytes"),
        "SQL in the dataset's name": (f"incoming/x'; DROP--/{folder}.csv", good, "no dataset"),
        "a row without an end": (f"{root}/e.csv", good[:-1] + b',"\n"' * 900_000, "bad"),
    }


@pytest.mark.timeout(400)
def test_object_of_harm_ends_as_a_dead_letter_and_nothing_is_written(
    client: Callable[[str], Any], request: pytest.FixtureRequest
) -> None:
    s3, sqs, folder = client("s3"), client("sqs"), uuid.uuid4().hex
    harm = objects_of_harm(folder)
    queue = sqs.get_queue_url(QueueName=SETTINGS.processor.queue_name)["QueueUrl"]
    for key, body, _ in harm.values():
        if body is None:
            told = event_body(key, bucket=SETTINGS.buckets.raw)
            sqs.send_message(QueueUrl=queue, MessageBody=told)
        else:
            s3.put_object(Bucket=SETTINGS.buckets.raw, Key=key, Body=body)
    causes: dict[str, str] = {}
    deadline = time.monotonic() + 300
    while len(causes) < len(harm) and time.monotonic() < deadline:
        for each in list_dead_letters(sqs, SETTINGS.processor):
            if folder in each.source_key:
                causes[each.source_key] = each.cause
        time.sleep(1)
    for what, (key, _, word) in harm.items():
        assert word in causes.get(key, f"no cause of {key!r}: {causes}"), what
        where = "S3-event processor"
        row = Row(fault=what, where=where, rows_lost=0, rows_twice=0, recovered_by=REFUSED)
        record(request.node, row)
    for bucket, prefix in ((SETTINGS.buckets.processed, "processed/"), (SETTINGS.buckets.raw, "")):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for found in page.get("Contents", []):
                assert folder not in found["Key"] or found["Key"].startswith("incoming/")
    forget_dead_letters(sqs, folder)


def forget_dead_letters(sqs: Any, folder: str) -> None:
    """Leave the other tests' dead letters alone in their queue."""
    url = sqs.get_queue_url(QueueName=SETTINGS.processor.dead_letter_queue_name)["QueueUrl"]
    for each in iter_messages(sqs, queue_url=url, hide_seconds=60):
        if folder in each.body:
            delete_message(sqs, queue_url=url, receipt_handle=each.receipt_handle)
