"""The datasets whose days are generated, as specifications and as contracts of this template."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import yaml
from support.oracle import Column, Row, Specification

_LOGICAL = {
    "VARCHAR": "string",
    "INTEGER": "integer",
    "BIGINT": "integer",
    "DECIMAL": "number",
    "DOUBLE": "number",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMPTZ": "timestamp",
    "SUPER": "array",
}


def _total(row: Row, run_date: date) -> Any:
    if row["price"] is None:
        return None
    return row["price"] * 2 - (Decimal(0) if row["cut"] is None else row["cut"])


def _rounded(row: Row, run_date: date) -> Any:
    tenth = Decimal("0.1")
    return None if row["cut"] is None else row["cut"].quantize(tenth, rounding=ROUND_HALF_UP)


def _label(row: Row, run_date: date) -> Any:
    if row["code"] is None or row["note"] is None:
        return None
    return f"{row['code']}/{row['note'].strip(' ')}"


def _not_above(left: Any, right: Any) -> bool | None:
    return None if left is None or right is None else bool(left <= right)


_EVERY_TYPE = (
    Column(name="id", type="VARCHAR(12)", path=("id",)),
    Column(name="code", type="VARCHAR(8)", path=("code",), options={"pattern": "^[A-Z]+$"}),
    Column(name="note", type="VARCHAR(40)", path=("note",), options={"maxLength": 20}),
    Column(name="small", type="INTEGER", path=("small",), options={"minimum": -5}),
    Column(name="big", type="BIGINT", path=("big",)),
    Column(name="price", type="DECIMAL(7, 2)", path=("price",), required=True),
    Column(name="cut", type="DECIMAL(5, 3)", path=("cut",)),
    Column(name="wide", type="DECIMAL(38, 10)", path=("wide",)),
    Column(name="ratio", type="DOUBLE PRECISION", path=("ratio",)),
    Column(name="flag", type="BOOLEAN", path=("flag",)),
    Column(name="day", type="DATE", path=("day",)),
    Column(name="at", type="TIMESTAMPTZ", path=("at",)),
)
_NESTED = (
    Column(name="buyer_name", type="VARCHAR(10)", path=("buyer", "name")),
    Column(name="buyer_age", type="INTEGER", path=("buyer", "age")),
    Column(
        name="items",
        type="SUPER",
        path=("items",),
        items={
            "sku": ("VARCHAR(8)", True),
            "price": ("DECIMAL(6, 2)", False),
            "sold_on": ("DATE", False),
            "at": ("TIMESTAMPTZ", False),
            "weight": ("DOUBLE PRECISION", False),
        },
    ),
    Column(name="tags", type="SUPER", path=("tags",), items="VARCHAR(6)"),
    Column(name="counts", type="SUPER", path=("counts",), items="INTEGER"),
)
_DERIVED = (
    Column(name="total", type="DECIMAL(9, 3)", derive=("price * 2 - coalesce(cut, 0)", _total)),
    Column(name="rounded", type="DECIMAL(5, 1)", derive=("round(cut, 1)", _rounded)),
    Column(name="label", type="VARCHAR(16)", derive=("code || '/' || trim(note)", _label)),
    Column(
        name="at_day",
        type="DATE",
        derive=("date(at)", lambda row, day: row["at"] and row["at"].date()),
    ),
    Column(name="seen", type="DATE", derive=("run_date", lambda row, day: day)),
)
_RULES = {
    "not_after_run": ("day <= run_date", lambda row, day: _not_above(row["day"], day)),
    "small_below_big": ("small <= big", lambda row, day: _not_above(row["small"], row["big"])),
}

_TYPED = Specification(
    name="typed",
    format="jsonl",
    columns=(*_EVERY_TYPE, *_NESTED, *_DERIVED),
    key=("id",),
    load_mode="replace",
    latest_by="at",
    rules=_RULES,
)

_TIDY = Specification(
    name="tidy",
    format="json",
    columns=(
        Column(name="user_id", type="INTEGER", path=("user_id",)),
        Column(name="part", type="VARCHAR(4)", path=("part",)),
        Column(
            name="level",
            type="VARCHAR(6)",
            path=("level",),
            required=True,
            map_values={"warning": "WARN", "none": None, "e": "ERROR"},
            options={"enum": ["WARN", "ERROR", "INFO"]},
        ),
        Column(name="full_name", type="VARCHAR(12)", path=("user", "full_name")),
        Column(name="sent_at", type="TIMESTAMPTZ", path=("sent_at",)),
        Column(name="score", type="DECIMAL(4, 1)", path=("score",)),
        Column(name="is_new", type="BOOLEAN", path=("is_new",)),
        Column(
            name="parts",
            type="SUPER",
            path=("parts",),
            items={"part_no": ("INTEGER", True), "name": ("VARCHAR(6)", False)},
        ),
    ),
    key=("user_id", "part"),
    load_mode="replace",
    latest_by="score",
    normalise_names=True,
    drop_empty=True,
    keep=(
        "score > 0.5 or is_new",
        lambda row, day: _either(
            None if row["score"] is None else row["score"] > Decimal("0.5"), row["is_new"]
        ),
    ),
    lineage=True,
    keeps_unknown=True,
)

_SHEET = Specification(
    name="sheet",
    format="csv",
    columns=(
        *_EVERY_TYPE[:10],
        Column(name="day", type="DATE", path=("day",), format="M/d/yyyy"),
        Column(name="at", type="TIMESTAMPTZ", path=("at",), format="dd.MM.yyyy HH:mm"),
        Column(name="count", type="INTEGER", path=("count",), map_values={"NA": None, "-": None}),
        *_DERIVED,
    ),
    key=("id",),
    load_mode="replace",
    latest_by="at",
    header=(
        *("at", "day", "extra", "count", "flag", "ratio", "wide", "cut"),
        *("price", "big", "small", "note", "code", "id"),
    ),
    keep=("not flag", lambda row, day: None if row["flag"] is None else not row["flag"]),
    rules=_RULES,
    source_options={"delimiter": ";", "quotechar": "'"},
)

_PLAIN = Specification(
    name="plain",
    format="jsonl",
    columns=(
        Column(name="shop", type="INTEGER", path=("shop",)),
        Column(name="number", type="BIGINT", path=("number",)),
        *_EVERY_TYPE[1:3],
        *_EVERY_TYPE[5:],
        Column(name="days", type="SUPER", path=("days",), items="DATE"),
        Column(name="ratios", type="SUPER", path=("ratios",), items="DOUBLE PRECISION"),
    ),
    key=("shop", "number"),
    load_mode="replace",
    raw_options={"compression": "none"},
)

_TIDY_SHEET = Specification(
    name="tidy_sheet",
    format="csv",
    columns=(
        Column(name="user_id", type="INTEGER", path=("user_id",)),
        Column(name="full_name", type="VARCHAR(12)", path=("full_name",), required=True),
        Column(name="sent_on", type="DATE", path=("sent_on",)),
        Column(name="sent_at", type="TIMESTAMPTZ", path=("sent_at",)),
        Column(name="score", type="DOUBLE PRECISION", path=("score",)),
    ),
    key=("user_id",),
    load_mode="replace",
    latest_by="sent_on",
    header=("User Id", "fullName", "SENT-ON", "Sent.At", "score"),
    normalise_names=True,
    drop_empty=True,
)


def _either(left: bool | None, right: bool | None) -> bool | None:
    if left or right:
        return True
    return None if left is None or right is None else False


SPECIFICATIONS = {
    f"{each.name}_{mode}": replace(each, name=f"{each.name}_{mode}", load_mode=mode)
    for each in (_TYPED, _TIDY, _SHEET, _PLAIN, _TIDY_SHEET)
    for mode in ("replace", "merge")
}


def write_contract(
    specification: Specification, folder: Path, *, dataset: str, schema: str, source: Path
) -> None:
    """Write the specification's contract.

    Args:
        source: The folder of its files, whose names begin with their run date.
    """
    document = {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": dataset,
        "version": "1.0.0",
        "status": "active",
        "domain": "oracle",
        "servers": _servers(specification, dataset, schema, source),
        "schema": [
            {
                "name": dataset,
                "customProperties": _custom(specification),
                "properties": [*_properties(specification), _INGEST_DATE],
                "quality": [
                    {"name": name, "type": "custom", "engine": "row", "implementation": text}
                    for name, (text, _) in specification.rules.items()
                ],
            }
        ],
    }
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    (folder / f"{dataset}.odcs.yaml").write_text(text, "utf-8")


_INGEST_DATE = {
    "name": "ingest_date",
    "logicalType": "date",
    "physicalType": "DATE",
    "partitioned": True,
    "transformLogic": "run_date",
}


def _servers(
    specification: Specification, dataset: str, schema: str, source: Path
) -> list[dict[str, Any]]:
    plain = {"csv": "csv", "json": "json", "jsonl": "json"}[specification.format]
    lines = {"format": "json", "delimiter": "new_line"}
    return [
        {
            "server": "source",
            "type": "local",
            "path": f"{source}/{{run_date}}*",
            "format": plain,
            **{"jsonl": {"delimiter": "new_line"}, "json": {"delimiter": "array"}}.get(
                specification.format, {}
            ),
            "customProperties": _listed({"sourceSystem": "oracle"} | specification.source_options),
        },
        {
            "server": "raw",
            "type": "s3",
            "location": f"s3://${{raw_bucket}}/raw/oracle/{dataset}/",
            **lines,
            "customProperties": _listed(specification.raw_options),
        },
        {
            "server": "processed",
            "type": "s3",
            "location": f"s3://${{processed_bucket}}/processed/oracle/{dataset}/",
            "format": "parquet",
        },
        {
            "server": "quarantine",
            "type": "s3",
            "location": f"s3://${{quarantine_bucket}}/quarantine/oracle/{dataset}/",
            **lines,
        },
        {
            "server": "warehouse",
            "type": "redshift",
            "database": "${warehouse_database}",
            "schema": schema,
        },
        {"server": "catalog", "type": "athena", "schema": "${catalog_database}"},
    ]


def _custom(specification: Specification) -> list[dict[str, Any]]:
    found: dict[str, Any] = {"loadMode": specification.load_mode, "driftLimitPercent": 100}
    if specification.latest_by:
        found["latestBy"] = specification.latest_by
    if specification.normalise_names:
        found["normaliseNames"] = True
    if specification.drop_empty:
        found["dropEmpty"] = True
    if specification.keep:
        found["filter"] = specification.keep[0]
    if specification.keeps_unknown:
        found["unknownFields"] = "keep"
    if specification.lineage:
        found["lineage"] = ["_source_file", "_ingested_at", "_run_id", "_contract_version"]
    return _listed(found)


def _properties(specification: Specification) -> Iterator[dict[str, Any]]:
    objects: dict[str, dict[str, Any]] = {}
    for column in specification.columns:
        found = _property(column, specification.key)
        if len(column.path) < 2:
            yield found
            continue
        outer, _ = column.path
        if outer not in objects:
            objects[outer] = {"name": outer, "logicalType": "object", "properties": []}
            yield objects[outer]
        objects[outer]["properties"].append(found)


def _property(column: Column, key: tuple[str, ...]) -> dict[str, Any]:
    options = {name: value for name, value in column.options.items() if name != "enum"}
    found: dict[str, Any] = {
        "name": column.path[-1] if column.path else column.name,
        "physicalName": column.name,
        **_typed(column.type),
        "required": column.required,
    }
    if column.name in key:
        found |= {"primaryKey": True, "primaryKeyPosition": 1 + key.index(column.name)}
    if column.format:
        options["format"] = column.format
    if options:
        found["logicalTypeOptions"] = options
    if "enum" in column.options:
        found["enum"] = [{"value": each} for each in column.options["enum"]]
    if column.derive:
        found["transformLogic"] = column.derive[0]
    if column.map_values:
        found["customProperties"] = _listed({"mapValues": column.map_values})
    if isinstance(column.items, str) and column.items:
        found["items"] = _typed(column.items)
    elif column.items:
        fields = [
            {"name": name, **_typed(kind), "required": required}
            for name, (kind, required) in dict(column.items).items()
        ]
        found["items"] = {"logicalType": "object", "properties": fields}
    return found


def _typed(kind: str) -> dict[str, str]:
    return {"logicalType": _LOGICAL[kind.split("(")[0].split()[0]], "physicalType": kind}


def _listed(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"property": name, "value": value} for name, value in values.items()]
