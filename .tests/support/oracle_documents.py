"""A specification as a contract of this template."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from support.oracle_specification import Column, Specification

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
