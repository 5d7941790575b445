"""Arrow's nested values as JSON text: by whole columns, with every digit."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.compute as pc

_ESCAPED = r'["\\\x00-\x1f]'


def to_json(values: pa.Array) -> pa.Array:
    """JSON text of each value; NULL stays NULL."""
    kind = values.type
    if pa.types.is_struct(kind):
        return _objects(values)
    if pa.types.is_map(kind):
        return _maps(values)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _arrays(values)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _strings(values)
    if pa.types.is_floating(kind):
        return pc.if_else(pc.is_finite(values), pc.cast(values, pa.string()), None)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_decimal(kind):
        return pc.cast(values, pa.string())
    return _quoted(pc.cast(values, pa.string()))


def _quoted(texts: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise('"', texts, '"', "")


def _strings(values: pa.Array) -> pa.Array:
    if not pc.any(pc.match_substring_regex(values, _ESCAPED)).as_py():
        return _quoted(values)
    escaped = (
        None if text is None else json.dumps(text, ensure_ascii=False)
        for text in values.to_pylist()
    )
    return pa.array(escaped, pa.string())


def _objects(values: pa.StructArray) -> pa.Array:
    pieces: list[object] = []
    for place, field in enumerate(values.type):
        key = json.dumps(field.name, ensure_ascii=False)
        texts = to_json(pc.struct_field(values, place))
        pieces += [("{" if place == 0 else ",") + key + ":", _or_null(texts)]
    text = pc.binary_join_element_wise(*pieces, "}", "") if pieces else pa.scalar("{}")
    return pc.if_else(pc.is_valid(values), text, pa.scalar(None, pa.string()))


def _or_null(texts: pa.Array) -> pa.Array:
    return pc.fill_null(texts, "null")


def _arrays(values: pa.ListArray) -> pa.Array:
    return _joined(values, _or_null(to_json(values.flatten())), "[", "]")


def _maps(values: pa.MapArray) -> pa.Array:
    entry = pa.struct([("key", values.type.key_type), ("value", values.type.item_type)])
    lists = values.cast(pa.list_(entry))
    entries = lists.flatten()
    texts = _or_null(to_json(pc.struct_field(entries, 1)))
    pairs = pc.binary_join_element_wise(_quoted_keys(pc.struct_field(entries, 0)), texts, ":")
    return _joined(lists, pairs, "{", "}")


def _quoted_keys(keys: pa.Array) -> pa.Array:
    texts = to_json(keys)
    return texts if pa.types.is_string(keys.type) else _quoted(texts)


def _joined(values: pa.Array, elements: pa.Array, opening: str, closing: str) -> pa.Array:
    lengths = pc.fill_null(pc.list_value_length(values), 0).cast(pa.int32())
    ends = pc.cumulative_sum(lengths)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, elements), ",")
    text = pc.binary_join_element_wise(opening, joined, closing, "")
    return pc.if_else(pc.is_valid(values), text, pa.scalar(None, pa.string()))
