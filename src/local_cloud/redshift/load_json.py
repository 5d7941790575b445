"""COPY … JSON: one object after another, keys to columns."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from local_cloud.redshift.access import Access
from local_cloud.redshift.decompress import open_source
from local_cloud.redshift.load_csv import LeaveOut, as_csv, cut_digits
from local_cloud.redshift.load_source import Source, read_object
from local_cloud.redshift.plans import Copy
from local_cloud.redshift.table import Column, LoadError, Table

_READ_CHARACTERS = 1024 * 1024
_BATCH_ROWS = 8192
_NOT_JSON = 1208
_STEP = re.compile(r"\.([^.\[\]]+)|\['([^']*)'\]|\[(\d+)\]")


class _Number(str):
    """A number, with the digits it was written with."""


_DECODER = json.JSONDecoder(parse_float=_Number, parse_int=_Number, parse_constant=_Number)

Find = Callable[[Any], Any]


def json_chunks(
    access: Access, plan: Copy, table: Table, source: Source, leave_out: LeaveOut
) -> Iterator[tuple[int, bytes]]:
    """Pieces of uniform CSV, each with its number of rows."""
    finders = _finders(access, plan.options["json"], table)
    rows: list[list[str | None]] = []
    for number, document in enumerate(_documents(source, plan.options), 1):
        if not isinstance(document, dict) and plan.options["json"] != "noshred":
            leave_out(LoadError(source.uri, number, _NOT_JSON, "Invalid value."))
            continue
        pairs = zip(finders, table.columns, strict=True)
        rows.append([_text(find(document), column) for find, column in pairs])
        if len(rows) == _BATCH_ROWS:
            yield len(rows), _encode(rows, plan, table)
            rows = []
    if rows:
        yield len(rows), _encode(rows, plan, table)


def _encode(rows: list[list[str | None]], plan: Copy, table: Table) -> bytes:
    arrays = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
    if "roundec" not in plan.options:
        arrays = [
            cut_digits(values, column) if column.kind == "numeric" else values
            for values, column in zip(arrays, table.columns, strict=True)
        ]
    return as_csv(pa.record_batch(arrays, names=[column.name for column in table.columns]))


def _documents(source: Source, options: dict[str, str]) -> Iterator[Any]:
    """The values of a file, which may span lines or share one."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    text = ""
    with open_source(source, options) as file:
        while True:
            block = file.read(_READ_CHARACTERS)
            text = (text + decode(block, not block)).lstrip()
            place = 0
            while place < len(text):
                try:
                    document, place = _DECODER.raw_decode(text, place)
                except json.JSONDecodeError:
                    if block:
                        break  # it goes on in the next block
                    document, place = None, len(text)
                yield document
                while place < len(text) and text[place] in " \t\r\n":
                    place += 1
            text = text[place:]
            if not block:
                return


def _finders(access: Access, how: str, table: Table) -> list[Find]:
    if how == "auto":
        return [_by_key(column.name) for column in table.columns]
    if how == "auto ignorecase":
        return [_by_any_case(column.name) for column in table.columns]
    if how == "noshred":
        return [lambda document: document for _ in table.columns]
    paths = json.loads(read_object(access, how))["jsonpaths"]
    return [_by_path(path) for path in paths]


def _by_key(name: str) -> Find:
    return lambda document: document.get(name)


def _by_any_case(name: str) -> Find:
    return lambda document: next(
        (value for key, value in document.items() if key.lower() == name), None
    )


def _by_path(path: str) -> Find:
    steps = [key or quoted or int(index) for key, quoted, index in _STEP.findall(path)]

    def find(document: Any) -> Any:
        for step in steps:
            try:
                document = document[step]
            except (KeyError, IndexError, TypeError):
                return None
        return document

    return find


def _text(value: Any, column: Column) -> str | None:
    if value is None:
        return None
    if column.kind == "super":
        return _json(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value if value or column.is_text else None
    return _json(value)


def _json(value: Any) -> str:
    """JSON text with each number as it was written."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        pairs = (f"{json.dumps(k, ensure_ascii=False)}:{_json(v)}" for k, v in value.items())
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
