"""The text of a proposed contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from etl.contracts.document import API_VERSIONS
from etl.contracts.physical_types import logical_type_of, spell_physical_type
from etl.model import Type
from etl.proposing.columns import PARTITION, ProposedColumn
from etl.proposing.sample import Sample

_HEAD = """\
# Proposed from {file}. Every run reads all files below the source's location; rows replace those of
# the same key. Types, required and rules are what the sample shows: review them.
"""
_FILE_FORMATS: dict[str, dict[str, str]] = {
    "csv": {"format": "csv", "encoding": "UTF-8"},
    "json": {"format": "json", "delimiter": "array"},
    "jsonl": {"format": "json", "delimiter": "new_line"},
}


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key, as the other contracts do."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def landing_prefix(dataset: str) -> str:
    """Where the dataset's files land, below the raw bucket."""
    return f"landing/{dataset}/"


def contract_text(
    sample: Sample,
    columns: Sequence[ProposedColumn],
    *,
    dataset: str,
    domain: str,
    key: Sequence[str],
) -> str:
    """The contract's YAML."""
    document = _document(sample, columns, dataset=dataset, domain=domain, key=key)
    body = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100, indent=2
    )
    for section in ("servers:", "schema:"):
        body = body.replace(f"\n{section}\n", f"\n\n{section}\n")
    file = "".join(each if each.isprintable() else "?" for each in sample.path.name)
    return _HEAD.format(file=file) + body


def _document(
    sample: Sample,
    columns: Sequence[ProposedColumn],
    *,
    dataset: str,
    domain: str,
    key: Sequence[str],
) -> dict[str, Any]:
    title = dataset.replace("_", " ").capitalize()
    keyed = ", ".join(key)
    return {
        "apiVersion": API_VERSIONS[0],
        "kind": "DataContract",
        "id": dataset,
        "name": title,
        "version": "1.0.0",
        "status": "active",
        "domain": domain,
        "description": {"purpose": f"{title}, one row per {keyed}."},
        "servers": _servers(sample, dataset, domain),
        "schema": [
            {
                "name": dataset,
                "physicalType": "table",
                "dataGranularityDescription": f"One row per {keyed}",
                "customProperties": [{"property": "loadMode", "value": "merge"}],
                "properties": [*(_property(each, key) for each in columns), _partition()],
                "quality": [
                    {
                        "name": "key_unique",
                        "metric": "duplicateValues",
                        "arguments": {"properties": list(key)},
                        "mustBe": 0,
                    }
                ],
            }
        ],
    }


def _servers(sample: Sample, dataset: str, domain: str) -> list[dict[str, Any]]:
    options = {"sourceSystem": "files", **sample.options}
    lines = {"format": "json", "delimiter": "new_line"}
    below = f"{domain}/{dataset}/"
    return [
        {
            "server": "source",
            "type": "s3",
            "location": f"s3://${{raw_bucket}}/{landing_prefix(dataset)}",
            **_FILE_FORMATS[sample.format],
            "customProperties": [{"property": k, "value": v} for k, v in options.items()],
        },
        _s3("raw", f"raw/files/{dataset}/") | lines,
        _s3("processed", f"processed/{below}") | {"format": "parquet"},
        _s3("quarantine", f"quarantine/{below}") | lines,
        {
            "server": "warehouse",
            "type": "redshift",
            "database": "${warehouse_database}",
            "schema": "${warehouse_schema}",
        },
        {"server": "catalog", "type": "athena", "schema": "${catalog_database}"},
    ]


def _s3(role: str, prefix: str) -> dict[str, Any]:
    return {"server": role, "type": "s3", "location": f"s3://${{{role}_bucket}}/{prefix}"}


def _property(column: ProposedColumn, key: Sequence[str]) -> dict[str, Any]:
    *objects, name = column.path
    inner: dict[str, Any] = {"name": name}
    if column.name != "_".join(column.path):
        inner["physicalName"] = column.name
    inner |= _typed(column.type)
    if column.name in key:
        inner["primaryKey"] = True
        if len(key) > 1:
            inner["primaryKeyPosition"] = list(key).index(column.name) + 1
    elif not column.nulls:
        inner["required"] = True
    inner |= column.rules
    if column.type.format:
        inner["logicalTypeOptions"] = {"format": column.type.format}
    if column.chosen.null_words:
        words = dict.fromkeys(column.chosen.null_words)
        inner["customProperties"] = [{"property": "mapValues", "value": words}]
    for each in reversed(objects):
        inner = {"name": each, "logicalType": "object", "properties": [inner]}
    return inner


def _typed(type_: Type) -> dict[str, Any]:
    if type_.kind == "object":
        fields = [{"name": each.name, **_typed(each.type)} for each in type_.fields]
        return {"logicalType": "object", "properties": fields}
    spelt: dict[str, Any] = {
        "logicalType": logical_type_of(type_.kind),
        "physicalType": spell_physical_type(type_),
    }
    if type_.element is not None:
        spelt["items"] = _typed(type_.element)
    return spelt


def _partition() -> dict[str, Any]:
    return {
        "name": PARTITION,
        "description": "The run that brought the row last.",
        "logicalType": "date",
        "physicalType": "DATE",
        "partitioned": True,
        "transformLogic": "run_date",
    }
