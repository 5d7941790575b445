"""Fields that a contract does not name: found, kept to the letter, or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.contracts import make_column, make_contract
from support.line_cases import RUN_DATE

from etl.judge import Accepted, Rejected, judge_line, parse_line
from etl.model import UNKNOWN_FIELDS, Contract, Field, Type
from etl.unknown_fields import KnownFields, label, nest, to_text

_TEXT = Type(kind="string", max_bytes=20)
_ITEM = Type(kind="object", fields=(Field(name="sku", type=_TEXT),))


def contract(**changes: Any) -> Contract:
    columns = (
        make_column("id", Type(kind="integer"), required=True),
        make_column("home_city", _TEXT, path=("home", "city")),
        make_column("items", Type(kind="array", element=_ITEM)),
    )
    kept = (UNKNOWN_FIELDS,) if changes.get("unknown_fields") == "keep" else ()
    return make_contract(*columns, *kept, **changes)


def kept(line: str, **changes: Any) -> str | None:
    """What the column for them holds of a row that is accepted."""
    verdict = judge_line(line, contract(unknown_fields="keep", **changes), RUN_DATE)
    assert isinstance(verdict, Accepted), verdict
    found: str | None = verdict.row["_unknown_fields"]
    return found


def test_unknown_fields_are_found_at_every_depth_and_named() -> None:
    record = {
        "id": 1,
        "a": {"b": 2},
        "home": {"city": "x", "zip": 3},
        "items": [{"sku": "s"}, 5, {"colour": "red", "sku": {"deep": 1}}],
    }
    found = list(KnownFields(contract()).others(record))
    assert found == [
        (("a",), {"b": 2}),
        (("home", "zip"), 3),
        (("items", 2, "colour"), "red"),
    ]
    assert [label(path) for path, _ in found] == ["a", "home.zip", "items[].colour"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"id": 1}', None),
        ('{"id": 1, "a": 1.50, "b": 1e999}', '{"a":1.50,"b":1e999}'),
        ('{"id": 1, "a": null, "b": [true, {}], "c": ""}', '{"a":null,"b":[true,{}],"c":""}'),
        ('{"id": 1, "home": {"city": "x", "zip": "9"}}', '{"home":{"zip":"9"}}'),
        (
            '{"id": 1, "items": [{"sku": "s"}, {"sku": "t", "n": 1}, {"n": 2}, {}]}',
            '{"items":[{},{"n":1},{"n":2}]}',
        ),
        ('{"id": 1, "a": "\\u0000 \\ud83d ž \\" \\n"}', '{"a":"\\u0000 \\ud83d ž \\" \\n"}'),
        ('{"id": 1, "ID": 2, "Id": 3}', '{"ID":2,"Id":3}'),
    ],
)
def test_keep_holds_them_as_they_were_written(line: str, expected: str | None) -> None:
    assert kept(line) == expected


def test_keep_goes_by_what_normalising_and_dropping_leave() -> None:
    line = '{"ID": 1, "Home": {"City": "x", "Zip": ""}, "Tel No": [""], "Fax": 0}'
    assert kept(line, normalise_names=True) == '{"Home":{"Zip":""},"Tel No":[""],"Fax":0}'
    assert kept(line, normalise_names=True, drop_empty=True) == '{"Fax":0}'


def test_keep_rejects_what_the_column_cannot_hold() -> None:
    line = json.dumps({"id": 1, "a": "x" * 65_536})
    verdict = judge_line(line, contract(unknown_fields="keep"), RUN_DATE)
    assert isinstance(verdict, Rejected)
    assert verdict.reasons[0].startswith("_unknown_fields: longer than 65535 bytes (65544), got ")


def test_keep_holds_a_thousand_levels() -> None:
    deep = "[" * 999 + "]" * 999
    assert kept(f'{{"id": 1, "a": {deep}}}') == f'{{"a":{deep}}}'


def test_stop_rejects_a_row_that_has_any_and_names_them() -> None:
    line = '{"id": "x", "a": 1, "home": {"zip": 2}, "b": 3, "c": 4, "d": 5, "e": 6}'
    verdict = judge_line(line, contract(unknown_fields="stop"), RUN_DATE)
    assert verdict == Rejected(
        [
            'id: expected integer, got "x"',
            "record: fields that the contract does not know: a, home.zip, b, c, d and 1 more",
        ]
    )
    assert isinstance(judge_line('{"id": 1}', contract(unknown_fields="stop"), RUN_DATE), Accepted)


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3).map("x{}".format), _VALUES, min_size=1))
def test_kept_text_means_what_was_received(fields: dict[str, Any]) -> None:
    record = parse_line(json.dumps({"id": 1, **fields}))
    found = nest(KnownFields(contract()).others(record))
    assert json.loads(to_text(found)) == json.loads(json.dumps(fields))
