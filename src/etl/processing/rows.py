"""Records to rows: tidied, judged by the contract, and written as JSON lines."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from etl.errors import ProcessingError
from etl.judge import Accepted, Judge, Rejected
from etl.model import Column, Contract, SourceFormat, Type
from etl.received import show_names
from etl.tidying import normalise_name, normalise_names
from etl.unknown_fields import KnownFields, label

# Names alone are looked at: as text, numbers have no limit.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)
_SHOWN = 3  # problems of an object that its cause names


@dataclass(frozen=True, kw_only=True)
class Rows:
    """An object's rows.

    Attributes:
        data: JSON lines; the same records give the same bytes.
        count: How many.
        filtered: How many records the contract's filter left out.
    """

    data: bytes
    count: int
    filtered: int


def tidy_contract(contract: Contract, format: SourceFormat) -> Contract:
    """The contract for records of that format, names normalised and empty values dropped."""
    return dataclasses.replace(
        contract,
        columns=tuple(map(_tidy_column, contract.columns)),
        source=dataclasses.replace(contract.source, format=format),
        normalise_names=True,
        drop_empty=True,
    )


def make_rows(
    records: Iterable[str],
    *,
    contract: Contract,
    run_date: date,
    metadata: Mapping[str, str],
    name: str,
    limit_bytes: int | None = None,
) -> Rows:
    """Judge every record; all must be good.

    A row has the contract's columns in their order, without those that are NULL, and `_metadata`.

    Args:
        contract: As `tidy_contract` gives it.
        run_date: What expressions mean by `run_date`.
        name: The object's, for messages.
        limit_bytes: Of all rows, each of which carries the metadata; None for no limit.

    Raises:
        ProcessingError: Records are bad; the message names the first ones and how many they are.
            Or the rows are larger than the limit.
    """
    judge = Judge(contract, run_date)
    known = KnownFields(dataclasses.replace(contract, drop_empty=False))  # their names count
    ending = f'"_metadata": {json.dumps(dict(metadata), ensure_ascii=False)}}}'
    data = io.BytesIO()
    bad: list[str] = []
    count = rows = 0
    for count, record in enumerate(records, start=1):
        verdict = judge(record)
        reasons = verdict.reasons if isinstance(verdict, Rejected) else _unknown(record, known)
        if reasons:
            bad.append(f"record {count}: {'; '.join(reasons)}" if len(bad) < _SHOWN else "")
        elif isinstance(verdict, Accepted):
            data.write(f"{_open_object(verdict.row)}{ending}\n".encode())
            rows += 1
            if limit_bytes is not None and data.tell() > limit_bytes:
                raise _too_large(name, limit_bytes)
    if bad:
        more = "; …" if len(bad) > _SHOWN else ""
        raise ProcessingError(
            f"{name}: {len(bad)} of {count} records are bad: {'; '.join(bad[:_SHOWN])}{more}",
            fix="mend the object, and put it there again",
        )
    return Rows(data=data.getvalue(), count=rows, filtered=count - rows)


def _too_large(name: str, limit_bytes: int) -> ProcessingError:
    return ProcessingError(
        f"{name}: its rows are more than {limit_bytes / 1024**2:g} MiB, 32 times object_limit_mib,"
        " as each carries its metadata",
        fix="send it in parts, or raise processor.object_limit_mib",
    )


def _tidy_column(column: Column) -> Column:
    path = tuple(map(normalise_name, column.path))
    return dataclasses.replace(column, path=path, type=_tidy_type(column.type))


def _tidy_type(kind: Type) -> Type:
    """The fields of objects inside arrays are received names too."""
    fields = tuple(
        dataclasses.replace(each, name=normalise_name(each.name), type=_tidy_type(each.type))
        for each in kind.fields
    )
    element = kind.element and _tidy_type(kind.element)
    return dataclasses.replace(kind, element=element, fields=fields)


def _unknown(record: str, known: KnownFields) -> list[str]:
    """What a record has beside the contract's fields: it would be lost."""
    try:
        found = [label(path) for path, _ in known.others(normalise_names(_DECODER.decode(record)))]
    except RecursionError:
        return ["record: nested too deeply"]
    names = list(dict.fromkeys(found))
    return [f"fields that the contract does not know: {show_names(names)}"] if names else []


def _open_object(row: Mapping[str, Any]) -> str:
    """A row's fields and what stands before the next one."""
    fields = [f"{json.dumps(k)}: {_to_json(v)}, " for k, v in row.items() if v is not None]
    return "{" + "".join(fields)


def _to_json(value: Any) -> str:
    """A cast value in the JSON that its type accepts, number for number."""
    match value:
        case Decimal():
            return f"{value:f}"
        case datetime():
            return f'"{value.isoformat().removesuffix("+00:00")}Z"'
        case date():
            return f'"{value.isoformat()}"'
        case list():
            return "[" + ", ".join(map(_to_json, value)) + "]"
        case dict():
            inside = (f"{json.dumps(k)}: {_to_json(v)}" for k, v in value.items() if v is not None)
            return "{" + ", ".join(inside) + "}"
    return json.dumps(value, ensure_ascii=False)
