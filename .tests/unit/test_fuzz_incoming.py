"""Damaged bodies, objects and messages: refused in words, or every record has its place."""

from __future__ import annotations

import gzip
import json
from datetime import date
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from support.fuzz import JSON_VALUES, changed, damaged
from support.processing import event_body, sales_contract

from etl.errors import EtlError, ProcessingError
from etl.ingest.bodies import JSON, JSON_LINES, Limits, cut_records
from etl.ingest.problems import RefusedError
from etl.judge import Judge
from etl.manifest import Manifest, RawObject
from etl.model import SourceFormat
from etl.processing.content import decompress, read_records
from etl.processing.notifications import read_notifications
from etl.processing.rows import make_rows, tidy_contract

DAY = date(2026, 1, 5)
LIMITS = Limits(body_bytes=20_000, records=5)
SALES = [{"id": 1, "userName": "Zoë"}, {"id": 2, "buyerData": {"eMail": "x"}}, {"ID": 3}]
LINES = b"".join(json.dumps(each).encode() + b"\n" for each in SALES)
ARRAY = json.dumps(SALES).encode()
TABLE = b'id,userName\n1,a\n2,"b\n"\n'
JUDGE = Judge(sales_contract(), DAY)


@given(
    damaged(st.sampled_from([LINES, ARRAY, LINES[:30], b"[]"])), st.sampled_from([JSON, JSON_LINES])
)
def test_request_is_cut_into_its_records_or_refused(body: bytes, media_type: str) -> None:
    try:
        found = cut_records(body, media_type, LIMITS)
    except RefusedError as refused:
        assert refused.status in (400, 413) and refused.detail
        return
    text = body.decode("utf-8-sig")
    if media_type == JSON:
        whole = json.loads(text, parse_int=str, parse_float=str)
        assert len(found) == (len(whole) if isinstance(whole, list) else 1)
    else:
        assert len(found) == sum(bool(line.strip(" \t\r")) for line in text.split("\n"))
    for record in found:
        assert b"\n" not in record and JUDGE(record.decode())


@example(b'{"id": 1, "more": ' + b"7" * 5000 + b"}", "jsonl", False)
@example(b'{"id": 1, "userName": "a"}\n{"id": ' + b"7" * 5000 + b"}", "json", False)
@given(
    damaged(st.sampled_from([LINES, ARRAY, TABLE])),
    st.sampled_from(["json", "jsonl", "csv"]),
    st.booleans(),
)
def test_incoming_object_becomes_rows_or_is_refused(
    body: bytes, format: SourceFormat, is_packed: bool
) -> None:
    if is_packed:
        body = decompress(gzip.compress(body), name="o.gz", limit_bytes=len(body))
    contract = tidy_contract(sales_contract(), format)
    try:
        found = list(read_records(body, format, contract, "o"))
        rows = make_rows(found, contract=contract, run_date=DAY, metadata={}, name="o")
    except EtlError as error:
        assert error.fix
        return
    assert rows.count + rows.filtered == len(found)
    assert rows.count == rows.data.count(b"\n")
    if format == "jsonl":
        lines = body.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        assert len(found) == sum(bool(line.strip(b" \t\r")) for line in lines)


@given(damaged(st.just(gzip.compress(LINES, mtime=0))), st.integers(0, 200))
def test_packed_object_is_what_was_packed_or_refused(body: bytes, limit_bytes: int) -> None:
    try:
        plain = decompress(body, name="o.gz", limit_bytes=limit_bytes)
    except ProcessingError as error:
        assert error.fix
        return
    assert len(plain) <= limit_bytes


EVENT = json.loads(event_body("incoming/a b.json", "incoming/c+d.csv"))
MOMENTS = st.sampled_from(
    ["0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00", "2026-01-05", "20260105T01Z", ""]
)


@given(changed(EVENT), st.none() | MOMENTS)
def test_notification_tells_of_objects_or_is_refused(event: Any, moment: str | None) -> None:
    if moment is not None and isinstance(event.get("Records"), list):
        for each in event["Records"]:
            if isinstance(each, dict):
                each["eventTime"] = moment
    try:
        found = read_notifications(json.dumps(event))
    except ProcessingError as error:
        assert error.fix
        return
    assert len(found) <= len(event.get("Records", []))
    assert all(each.occurred_at.tzinfo for each in found)


@given(damaged(st.just(json.dumps(EVENT).encode())))
def test_message_tells_of_objects_or_is_refused(body: bytes) -> None:
    try:
        read_notifications(body.decode("utf-8", "replace"))
    except ProcessingError as error:
        assert error.fix


MANIFEST = Manifest(
    dataset="sales",
    run_date=DAY,
    source="tests",
    encoding="json",
    objects=(RawObject(uri="s3://b/k", bytes=1, sha256="0", rows=1),),
    rows=1,
    bytes=1,
    contract_uri="s3://b/c",
    keys=(),
)


@given(changed(json.loads(MANIFEST.to_json())) | JSON_VALUES)
def test_manifest_is_read_or_is_a_value_error(content: Any) -> None:
    try:
        assert isinstance(Manifest.from_json(json.dumps(content)), Manifest)
    except ValueError:
        pass
