"""Datasets and records as the tests' oracle knows them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

Row = dict[str, Any]
Items = str | dict[str, tuple[str, bool]]  # a scalar, or fields: physical type, required


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a specification.

    Attributes:
        path: The names that lead to the value in a record; () for a derived column.
        items: What an array holds.
        derive: The expression as the contract has it, and what it means.
        options: Of the contract's `logicalTypeOptions` and `enum`.
    """

    name: str
    type: str
    path: tuple[str, ...] = ()
    required: bool = False
    items: Items = ""
    format: str = ""
    map_values: dict[str, str | None] = field(default_factory=dict)
    derive: tuple[str, Callable[[Row, date], Any]] | None = None
    options: dict[str, Any] = field(default_factory=dict)


UNKNOWN = Column(name="_unknown_fields", type="JSON")


@dataclass(frozen=True, kw_only=True)
class Specification:
    """A dataset: `support.oracle_contracts` writes its contract, the oracle reads it as it is.

    Attributes:
        format: "jsonl", "json" or "csv"; of "csv" `header` are the file's names.
        keep: The filter, and what it means; so are `rules`.
    """

    name: str
    format: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    load_mode: str
    latest_by: str | None = None
    header: tuple[str, ...] = ()
    normalise_names: bool = False
    drop_empty: bool = False
    keep: tuple[str, Callable[[Row, date], bool | None]] | None = None
    rules: dict[str, tuple[str, Callable[[Row, date], bool | None]]] = field(default_factory=dict)
    lineage: bool = False
    keeps_unknown: bool = False
    source_options: dict[str, Any] = field(default_factory=dict)
    raw_options: dict[str, Any] = field(default_factory=dict)

    @property
    def stored(self) -> tuple[Column, ...]:
        """The columns that records decide, of processed files and warehouse."""
        return (*self.columns, UNKNOWN) if self.keeps_unknown else self.columns


@dataclass(frozen=True)
class Record:
    """What a source sends: bytes of JSON, or the fields of a CSV row."""

    sent: bytes | tuple[str, ...]

    def line(self, header: tuple[str, ...]) -> str | None:
        """The record as one line of JSON, which later stages see; None if it cannot be one."""
        if isinstance(self.sent, tuple):
            fields = dict(zip(header, self.sent, strict=False))
            is_whole = len(self.sent) == len(header)
            return json.dumps(fields, ensure_ascii=False) if is_whole else None
        try:
            return self.sent.decode().removeprefix("\ufeff").strip(" \t\r\n")
        except UnicodeDecodeError:
            return None

    def payload(self, header: tuple[str, ...]) -> Any:
        """What must come back of it from quarantine, as `sent_by` finds it there."""
        if (line := self.line(header)) is not None:
            return line
        return self.sent if isinstance(self.sent, tuple) else self.sent.strip(b" \t\r\n")


def sent_by(payload: str) -> Any:
    """What a quarantined payload says was sent."""
    if payload.startswith(('{"_invalid_utf8_base64"', '{"_malformed"')):
        wrapped = json.loads(payload)
        if "_fields" in wrapped:
            return tuple(wrapped["_fields"])
        return base64.b64decode(wrapped["_invalid_utf8_base64"])
    return payload
