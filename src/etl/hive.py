"""Partition columns as they stand in keys, e.g. level=ERROR/, the way Hive and Spark write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import unquote

from etl.model import Contract, Type
from etl.partitioning import NO_VALUE

# Spark's ExternalCatalogUtils.charToEscape.
_ESCAPED = re.compile(r"[\x01-\x1f\x7f\"#%'*/:=?\\{\[\]^]")


def folder(contract: Contract, values: Mapping[str, Any]) -> str:
    """Where rows with these values lie below the run date, e.g. level=ERROR/; "" for no columns."""
    return "".join(f"{name}={_escaped(values[name])}/" for name in contract.partition_columns)


def texts_in(contract: Contract, uri: str) -> tuple[str, ...]:
    """The partition columns' values in a file's key, in order, as the Glue catalogue has them.

    Raises:
        ValueError: The file does not lie in such folders.
    """
    count = len(contract.partition_columns)
    pairs = [part.partition("=") for part in uri.split("/")[-1 - count : -1]]
    if tuple(name for name, _, _ in pairs) != contract.partition_columns:
        wanted = "/".join(f"{name}=…" for name in contract.partition_columns)
        raise ValueError(f"does not lie in {wanted}/")
    return tuple(unquote(value) for _, _, value in pairs)


def values_in(contract: Contract, uri: str) -> dict[str, Any]:
    """The partition columns' values in a file's key; None for NULL.

    Raises:
        ValueError: The file does not lie in such folders, or a value is none of its column's type.
    """
    texts = zip(contract.partition_columns, texts_in(contract, uri), strict=True)
    return {
        name: None if text == NO_VALUE else _typed(contract.column(name).type, text)
        for name, text in texts
    }


def _escaped(value: Any) -> str:
    if value is None or value == "":
        return NO_VALUE
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return _ESCAPED.sub(lambda found: f"%{ord(found[0]):02X}", text)


def _typed(kind: Type, text: str) -> Any:
    match kind.kind:
        case "integer":
            return int(text)
        case "boolean":
            if text not in ("true", "false"):
                raise ValueError(f"{text!r} is no boolean")
            return text == "true"
        case "date":
            return date.fromisoformat(text)
    return text
