"""CREATE EXTERNAL TABLE, and the WITH clause of CREATE TABLE AS, in the catalogue's terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from local_cloud.athena.errors import QueryFailure
from local_cloud.athena.formats import FORMATS, storage_descriptor


def table_definition(tree: exp.Create) -> dict[str, Any]:
    """The catalogue's entry for CREATE EXTERNAL TABLE."""
    serde, library, location, comment = "LazySimpleSerDe", "", "", None
    keys: list[dict[str, str]] = []
    parameters: dict[str, str] = {"EXTERNAL": "TRUE"}
    serde_parameters: dict[str, str] = {}
    properties = tree.args["properties"].expressions if tree.args.get("properties") else []
    if not any(isinstance(each, exp.ExternalProperty) for each in properties):
        raise QueryFailure("NOT_SUPPORTED", "CREATE TABLE needs EXTERNAL, or AS SELECT")
    for each in properties:
        if isinstance(each, exp.SchemaCommentProperty):
            comment = each.this.name
        elif isinstance(each, exp.PartitionedByProperty):
            keys = [_column(column) for column in each.this.expressions]
        elif isinstance(each, exp.RowFormatSerdeProperty):
            library = each.this.name
            inner = each.args.get("serde_properties")
            serde_parameters = _pairs(inner.expressions if inner else [])
        elif isinstance(each, exp.RowFormatDelimitedProperty):
            delimiter = each.args.get("fields")
            serde_parameters = {"field.delim": delimiter.name} if delimiter else {}
        elif isinstance(each, exp.FileFormatProperty):
            if each.name.upper() == "PARQUET":
                serde = "ParquetHiveSerDe"
            elif isinstance(each.this, exp.Var) and each.name.upper() != "TEXTFILE":
                raise QueryFailure(
                    "NOT_SUPPORTED", f"The embedded cloud reads no {each.name} files"
                )
        elif isinstance(each, exp.LocationProperty):
            location = each.this.name
        elif type(each) is exp.Property:
            parameters |= _pairs([each])
    if not location.startswith("s3://"):
        raise QueryFailure("", f"FAILED: ParseException: LOCATION '{location}' is no s3:// URI")
    serde = library.rpartition(".")[2] or serde
    if serde == "HiveJsonSerDe" or library.endswith("hcatalog.data.JsonSerDe"):
        serde = "JsonSerDe"
    if serde not in FORMATS:
        raise QueryFailure("NOT_SUPPORTED", f"The embedded cloud does not read {library} tables")
    storage = storage_descriptor(serde, {}, location, serde_parameters)
    storage["Columns"] = [_column(column) for column in tree.this.expressions]
    definition = {
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
        "PartitionKeys": keys,
        "StorageDescriptor": storage,
    }
    return {**definition, "Description": comment} if comment else definition


def _column(column: exp.ColumnDef) -> dict[str, str]:
    kind = column.args["kind"].sql(dialect="hive").lower().replace(": ", ":").replace(", ", ",")
    found = {"Name": column.name.lower(), "Type": kind}
    for constraint in column.args.get("constraints") or []:
        if isinstance(constraint.kind, exp.CommentColumnConstraint):
            found["Comment"] = constraint.kind.this.name
    return found


def _pairs(properties: list[exp.Expr]) -> dict[str, str]:
    return {each.name: each.args["value"].name for each in properties}


@dataclass(frozen=True)
class TableOptions:
    """What a CREATE TABLE AS asks for.

    Attributes:
        format: A key of `FORMATS`.
        location: An S3 URI with a slash at the end, or None for a place of Athena's choice.
        keys: The partition columns.
    """

    format: str
    location: str | None
    keys: list[str]
    compression: str


def table_options(tree: exp.Create) -> TableOptions:
    """The WITH clause of CREATE TABLE AS."""
    kind, location, compression = "PARQUET", None, "SNAPPY"
    keys: list[str] = []
    for each in tree.args["properties"].expressions if tree.args.get("properties") else []:
        if isinstance(each, exp.FileFormatProperty):
            kind = each.this.name.upper()
        elif isinstance(each, exp.PartitionedByProperty):
            keys = [literal.name.lower() for literal in each.this.expressions]
        elif each.name == "external_location":
            location = each.args["value"].name.rstrip("/") + "/"
        elif each.name in ("write_compression", "parquet_compression"):
            compression = each.args["value"].name.upper()
        elif each.name in ("is_external", "table_type"):
            if each.args["value"].name.upper() == "ICEBERG":
                raise QueryFailure("NOT_SUPPORTED", "The embedded cloud writes no Iceberg tables")
        else:
            raise QueryFailure("NOT_SUPPORTED", f"The embedded cloud: table property {each.name}")
    formats = {"PARQUET": "ParquetHiveSerDe", "JSON": "JsonSerDe"}
    if kind not in formats:
        raise QueryFailure(
            "NOT_SUPPORTED", f"The embedded cloud writes Parquet and JSON, not {kind}"
        )
    return TableOptions(formats[kind], location, keys, compression)
