"""Bad input: the status, the problem document, and nothing written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import boto3
import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws
from support.contracts import orders_contract
from support.ingest import ARTIFACTS, LIMITS, event_record, make_api, post, written
from support.streams import CONTRACT

from etl.ingest.api import Api
from etl.ingest.openapi import TEMPLATE

DESCRIPTION = yaml.safe_load(TEMPLATE.read_text())
PROBLEM, TAKEN = (
    {"$ref": f"#/components/schemas/{name}", "components": DESCRIPTION["components"]}
    for name in ("Problem", "Taken")
)
STATUSES = {int(each) for each in DESCRIPTION["paths"]["/ingest/{name}"]["post"]["responses"]}


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("s3", region_name="us-east-1")


@pytest.fixture(scope="module")
def api(s3: Any) -> Api:
    return make_api(s3, CONTRACT, orders_contract())


GOOD = json.dumps(event_record(1))
JSONL = "application/x-ndjson"


@pytest.mark.parametrize(
    ("status", "body", "options", "detail"),
    [
        (400, GOOD[:-1], {}, "the body is not JSON: Expecting ',' delimiter"),
        (400, f"[{GOOD}, ", {}, "the body is not JSON: Expecting value"),
        (400, f"[{GOOD}", {}, r"Expecting , or \]"),
        (400, f"[{GOOD}] x", {}, "Extra data"),
        (400, f"{GOOD}\n{GOOD}", {}, "Extra data"),
        (400, "", {}, "the body holds no record"),
        (400, " [ ] ", {}, "the body holds no record"),
        (400, "\n \n", {"media_type": JSONL}, "the body holds no record"),
        (400, b"\xff", {}, "the body is not UTF-8: invalid start byte at byte 0"),
        (400, "[" * 19_000, {}, "nested too deeply"),
        (400, GOOD, {"idempotency_key": ""}, "1 to 255 characters"),
        (400, GOOD, {"idempotency_key": "a b"}, "1 to 255 characters"),
        (404, GOOD, {"name": "nothing"}, 'there is no dataset "nothing"'),
        (404, GOOD, {"name": "../contracts"}, "there is no dataset"),
        (404, GOOD, {"name": "orders"}, r"orders is read from its source \(api\), not sent"),
        (413, f'"{"x" * LIMITS.body_bytes}"', {}, "20,002 bytes, at most 20,000"),
        (413, [event_record(n) for n in range(21)], {}, "more than 20 records"),
        (413, f"{GOOD}\n" * 21, {"media_type": JSONL}, "more than 20 records"),
        (415, GOOD, {"media_type": "text/csv"}, "this is 'text/csv'"),
        (415, GOOD, {"media_type": None}, "this is 'of no type'"),
        (415, GOOD, {"media_type": "application/json; charset=latin-1"}, "in UTF-8"),
        (415, GOOD, {"content_encoding": "gzip"}, "a body encoded as gzip"),
        (422, {}, {}, "no record meets the contract"),
        (422, "3", {}, "no record meets the contract"),
        (422, [{}, None], {}, "no record meets the contract"),
        (422, "{", {"media_type": JSONL}, "no record meets the contract"),
    ],
)
def test_post_bad_input_is_a_problem_and_nothing_is_written(
    s3: Any, api: Api, status: int, body: Any, options: dict[str, str], detail: str
) -> None:
    found, problem = post(api, body, **options)
    assert (found, problem["status"]) == (status, status)
    assert re.search(detail, problem["detail"])
    jsonschema.validate(problem, PROBLEM)
    assert written(s3) == {}


def test_post_rejected_record_tells_every_reason(api: Api) -> None:
    bad = event_record(1, event_type="purchase", session_id=5, sent_at="yesterday")
    _, problem = post(api, bad)
    (verdict,) = problem["verdicts"]
    assert (verdict["record"], verdict["accepted"]) == (0, False)
    assert {each.partition(":")[0] for each in verdict["reasons"]} == {"session_id", "sent_at"}


def test_post_while_s3_refuses_is_to_be_sent_again(s3: Any) -> None:
    poor = Api(s3=s3, artifacts_bucket="nobody-made-this", limits=LIMITS)
    status, problem = post(poor, event_record(1))
    assert status == 503
    assert "nobody-made-this" not in json.dumps(problem)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
RECORDS = st.builds(
    lambda number, changes: event_record(number, **changes),
    st.integers(0, 9),
    st.dictionaries(st.sampled_from(sorted(event_record(0))), JSON_VALUES, max_size=2),
)
BODIES = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=60),
    JSON_VALUES.map(json.dumps),
    st.lists(RECORDS | JSON_VALUES, max_size=4).map(json.dumps),
    st.lists(RECORDS, max_size=3).map(lambda each: "\n".join(map(json.dumps, each))),
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    body=BODIES,
    media_type=st.sampled_from(["application/json", JSONL]) | st.text(max_size=20),
    key=st.none() | st.text(max_size=4),
)
def test_post_anything_is_answered_as_described(
    api: Api, body: bytes | str, media_type: str, key: str | None
) -> None:
    options = {} if key is None else {"idempotency_key": key}
    before = set(written(api.s3))
    status, answer = post(api, body, media_type=media_type, **options)
    assert status in STATUSES - {401, 403, 429, 503}
    if status == 202:
        jsonschema.validate(answer, TAKEN)
        assert answer["accepted"] + answer["rejected"] == len(answer["verdicts"])
        assert post(api, body, media_type=media_type, **options) == (status, answer)
        clear(api.s3)
    else:
        jsonschema.validate(answer, PROBLEM)
        assert set(written(api.s3)) == before


def clear(s3: Any) -> None:
    for bucket in ("test-raw", ARTIFACTS):
        for name in written(s3):
            if name.startswith(f"{bucket}/"):
                s3.delete_object(Bucket=bucket, Key=name.partition("/")[2])
