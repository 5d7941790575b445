"""Arrow's nested values as JSON: the same as Python's json, with every digit."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_cloud.redshift.arrow_json import to_json

ITEM = pa.struct([("sku", pa.string()), ("n", pa.int64()), ("tags", pa.list_(pa.string()))])
items = st.none() | st.lists(
    st.none()
    | st.fixed_dictionaries(
        {
            "sku": st.none() | st.text(max_size=5),
            "n": st.none() | st.integers(-(2**63), 2**63 - 1),
            "tags": st.none() | st.lists(st.none() | st.text(max_size=3), max_size=3),
        }
    ),
    max_size=3,
)


@settings(deadline=None)  # a loaded machine is no failure
@given(st.lists(items, max_size=6), st.integers(0, 3))
def test_lists_of_objects_read_back_as_they_were(values: list[Any], skipped: int) -> None:
    array = pa.array(values, pa.list_(ITEM)).slice(skipped)
    texts = to_json(array).to_pylist()
    assert [None if text is None else json.loads(text) for text in texts] == values[skipped:]


SCALARS = [
    (pa.decimal128(10, 2), [Decimal("61.70"), Decimal("-0.01"), None], ["61.70", "-0.01", None]),
    (pa.float64(), [0.1, float("nan"), None], ["0.1", None, None]),
    (pa.bool_(), [True, None], ["true", None]),
    (pa.date32(), [dt.date(2026, 1, 31)], ['"2026-01-31"']),
    (pa.map_(pa.string(), pa.int32()), [[("a", 1), ("b", None)], None], ['{"a":1,"b":null}', None]),
    (pa.map_(pa.int32(), pa.string()), [[(1, "x")]], ['{"1":"x"}']),
    (pa.list_(pa.decimal128(5, 1)), [[Decimal("1.0")], []], ["[1.0]", "[]"]),
    (pa.struct([]), [{}, None], ["{}", None]),
]


@pytest.mark.parametrize(
    ("kind", "values", "texts"), SCALARS, ids=[str(kind) for kind, *_ in SCALARS]
)
def test_each_type_has_its_text(kind: pa.DataType, values: list[Any], texts: list[Any]) -> None:
    assert to_json(pa.array(values, kind)).to_pylist() == texts
