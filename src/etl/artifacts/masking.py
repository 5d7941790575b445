"""What of a received record may be shown to whoever can open Prefect's pages.

A contract that classifies columns (ODCS `classification`, anything but public) has their values
hidden, and with them all that it does not name: a record in quarantine may hold anything.
"""

from __future__ import annotations

import json
from typing import Any

from etl.judge import reason_label
from etl.model import Contract, Type
from etl.tidying import normalise_name

HIDDEN = "***"
_QUOTING = ", got "  # begins what a reason tells of a value, see etl.casts
_OUTSIDE = "expected object around "  # tells the value that a column's object should have been
_UNREADABLE = "a record that is no JSON object; the contract has columns that are not for all eyes"


def show_payload(payload: str, contract: Contract) -> str:
    """A record of the raw files, without what is classified."""
    if all(each.is_open for each in contract.columns):
        return payload
    try:
        record = json.loads(payload)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        return f"({_UNREADABLE}: {len(payload):,} characters)"
    return json.dumps(_masked(record, (), contract), ensure_ascii=False)


def show_reasons(reasons: str, contract: Contract) -> str:
    """Why a record was rejected; values of classified columns are left out.

    The reasons are joined, and a value can look like another reason: after the first one that may
    quote what is classified only the others' subjects are told.
    """
    hidden = {column.name for column in contract.columns if not column.is_open}
    if not hidden:
        return reasons
    hidden.add("record")  # quotes what it got instead of one
    known = {column.name for column in contract.columns} | hidden
    known |= {f"rule {rule.name}" for rule in contract.rules}
    shown: list[str] = []
    is_hiding = False
    for part in reasons.split("; "):
        label = reason_label(part)
        if is_hiding:
            shown += [label] if label in known and label not in shown else []
        elif label in hidden or _OUTSIDE in part:
            is_hiding = True
            shown.append(part.partition(_QUOTING)[0])
        else:
            shown.append(part)
    return "; ".join(shown)


def _masked(record: dict[str, Any], above: tuple[str, ...], contract: Contract) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, value in record.items():
        path = (*above, normalise_name(name) if contract.normalise_names else name)
        column = next((each for each in contract.columns if each.path == path), None)
        is_around = any(each.path[: len(path)] == path for each in contract.columns)
        if column is not None:
            shown[name] = _shown(value, column.type) if column.is_open else _hidden(value)
        elif is_around and isinstance(value, dict):
            shown[name] = _masked(value, path, contract)
        else:
            shown[name] = _hidden(value)
    return shown


def _hidden(value: Any) -> str | None:
    return None if value is None else HIDDEN


def _shown(value: Any, type_: Type) -> Any:
    """A value of an open column, without what its type does not name."""
    if isinstance(value, list) and type_.element is not None:
        return [_shown(each, type_.element) for each in value]
    if isinstance(value, dict) and type_.kind == "object":
        types = {each.name: each.type for each in type_.fields}
        return {
            name: _shown(inner, types[name]) if name in types else HIDDEN
            for name, inner in value.items()
        }
    return HIDDEN if isinstance(value, (dict, list)) else value
