"""What a dataset is: the contract, as plain frozen dataclasses.

Everything here is standard library only, so that the Glue job and the Lambdas carry it without
further packages. `etl.contracts` reads these from ODCS YAML; `to_json` and `from_json` carry them
to S3, where the Glue job and the validator read the very contract that the run was started with.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

Kind = Literal[
    "string", "integer", "decimal", "double", "boolean", "date", "timestamp", "array", "object"
]
LoadMode = Literal["replace", "merge"]
Encoding = Literal["json", "text"]
SourceKind = Literal["api", "file", "sql", "stream"]
SourceFormat = Literal["json", "jsonl", "csv", "parquet"]

UnknownFields = Literal["ignore", "keep", "stop"]

# One node of the expression subset: ["op", operand, …], see etl.expressions.
Expression = list[Any]


@dataclass(frozen=True, kw_only=True)
class Type:
    """A column's type, independent of any engine.

    Attributes:
        bits: 32 or 64, for integers.
        precision: Decimal digits in all, for decimals (at most 38).
        scale: Decimal digits after the point, for decimals.
        max_bytes: Longest UTF-8 encoding, for strings (Redshift's VARCHAR counts bytes).
        format: How a date or timestamp is written where it is not ISO 8601; see
            `etl.date_formats`.
        element: What an array holds: a scalar or an object of scalars.
        fields: An object's fields. Objects stand only inside arrays; others are flattened.
    """

    kind: Kind
    bits: int = 64
    precision: int = 0
    scale: int = 0
    max_bytes: int = 65535
    format: str = ""
    element: Type | None = None
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of an object inside an array."""

    name: str
    type: Type
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of the table.

    Attributes:
        name: Lower-case identifier, the same in Parquet, Redshift and Athena.
        path: Where the value stands in the received record, e.g. ("customer", "email");
            empty for a derived column.
        derive: The expression that computes it (ODCS `transformLogic`), or None.
        value_map: Received text → what it stands for, None for NULL; other texts stay as they are.
        lineage: Whether the run fills it in, by its name: see `LINEAGE_COLUMNS`. Such columns come
            last, no rule sees them, and the table's hash leaves them out.
        classification: ODCS's word for who may see it; "" and "public" are for all eyes.
    """

    name: str
    type: Type
    path: tuple[str, ...] = ()
    required: bool = False
    derive: Expression | None = None
    value_map: dict[str, str | None] = field(default_factory=dict)
    lineage: bool = False
    classification: str = ""
    description: str = ""

    @property
    def is_open(self) -> bool:
        """Whether its values may be shown to anyone."""
        return self.classification.strip().lower() in ("", "public")


# Where a row comes from; a contract chooses some of them by name.
LINEAGE_COLUMNS: dict[str, Column] = {
    each.name: each
    for each in (
        Column(
            name="_source_file",
            type=Type(kind="string", max_bytes=2048),
            lineage=True,
            description="The source's object or file, else the raw object.",
        ),
        Column(
            name="_ingested_at",
            type=Type(kind="timestamp"),
            lineage=True,
            description="When the run that brought the row began.",
        ),
        Column(
            name="_run_id",
            type=Type(kind="string", max_bytes=64),
            lineage=True,
            description="The run that brought the row.",
        ),
        Column(
            name="_contract_version",
            type=Type(kind="string", max_bytes=64),
            lineage=True,
            description="The contract that the row was judged by.",
        ),
    )
}


# What of a record no other column names, as JSON text; it stands behind what the record decides.
UNKNOWN_FIELDS = Column(
    name="_unknown_fields",
    type=Type(kind="string", max_bytes=65535),
    description="Fields that the contract does not name, as JSON.",
)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What must be true of each row; a row for which it is not true is quarantined.

    As in SQL's CHECK, a rule that evaluates to NULL is met.
    """

    name: str
    expression: Expression
    column: str | None = None
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """What must be true of a run's processed data as a whole; the validator measures it.

    Attributes:
        metric: "row_count", "quarantined_percent", "null_count", "duplicate_count" or
            "freshness_hours" (age of the column's latest value at the end of the run date, UTC).
        column: What is measured; None for the run, or for the primary key's duplicates.
        minimum, maximum: Inclusive bounds; None for no bound.
        severity: Whether a failure stops the run, or only shows in the report.
    """

    name: str
    metric: str
    column: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    severity: Literal["error", "warning"] = "error"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where records come from.

    Attributes:
        kind: "api" (paginated HTTP), "file" (local path or S3 prefix), "sql" (a table or view),
            "stream" (what flows/stream_to_s3.py has put on S3 for the run date).
        name: The source system, second part of the raw key.
        location: URL, folder, file, s3:// prefix or SQLAlchemy URL, with settings' places filled
            in; empty for a stream.
        format: What files hold; "json" for APIs and SQL, "jsonl" for streams.
        options: What the kind of source understands, e.g. page_size, cursor field.
    """

    kind: SourceKind
    name: str
    location: str
    format: SourceFormat
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def encoding(self) -> Encoding:
        """How values arrive: typed as JSON, or all text as CSV gives them."""
        return "text" if self.format == "csv" else "json"


@dataclass(frozen=True, kw_only=True)
class Raw:
    """How the extraction lies on S3.

    Attributes:
        format: "jsonl" can be transformed; the others are for others to read, so a contract that
            chooses one ends at raw.
        compression: Of the whole object; Parquet compresses inside instead.
        strategy: A name of `etl.partitioning.STRATEGIES`.
        column: What the strategy goes by, if it goes by a column.
        per_source_object: Whether every source object gets raw objects of its own.
    """

    format: Literal["jsonl", "csv", "parquet", "protobuf"] = "jsonl"
    compression: Literal["gzip", "zstd", "none"] = "gzip"
    strategy: str = "date"
    column: str | None = None
    per_source_object: bool = False


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the dataset lies in one environment.

    Prefixes are s3:// URIs ending in "/", or folders for datasets that no pipeline carries. ""
    stands for a layer that the dataset does not have.
    """

    raw: str
    processed: str = ""
    quarantine: str = ""
    schema: str = ""
    table: str = ""
    catalog_database: str = ""
    catalog_table: str = ""


@dataclass(frozen=True, kw_only=True)
class Contract:
    """One dataset in one environment.

    Attributes:
        partition: The run date's column.
        partition_columns: Columns that the processed files are partitioned by below the run date.
            They stand in the files' keys, not in the files, so such a dataset is not loaded.
        normalise_names: Whether received names are read as snake_case (`User Name` as `user_name`).
        drop_empty: Whether received "", [], {} and blank text are as good as missing.
        filter: Rows for which it is not true are left out, and counted; None keeps all.
        detect_deletes: Whether rows that are gone from the source leave the table.
        unknown_fields: What becomes of fields that no column names: nothing, the last column that
            a record decides, or the end of the run.
        drift_limit_percent: Records that do not fit one field, in percent of all; with more, the
            source has changed.
    """

    dataset: str
    version: str
    domain: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    latest_by: str | None
    partition: str
    load_mode: LoadMode
    source: Source
    places: Places
    raw: Raw = Raw()
    rules: tuple[Rule, ...] = ()
    checks: tuple[Check, ...] = ()
    partition_columns: tuple[str, ...] = ()
    normalise_names: bool = False
    drop_empty: bool = False
    filter: Expression | None = None
    detect_deletes: bool = False
    unknown_fields: UnknownFields = "ignore"
    drift_limit_percent: float = 10
    description: str = ""

    @property
    def is_transformed(self) -> bool:
        """Whether the dataset goes on from raw."""
        return bool(self.places.processed)

    @property
    def is_loaded(self) -> bool:
        """Whether the dataset goes on into the warehouse."""
        return bool(self.places.schema)

    @property
    def data_columns(self) -> tuple[Column, ...]:
        """The columns that the record decides: all but those that the run fills in."""
        return tuple(each for each in self.columns if not each.lineage)

    @property
    def received_columns(self) -> tuple[Column, ...]:
        """The columns that a record brings under their own names."""
        return tuple(each for each in self.data_columns if each.path)

    @property
    def key_columns(self) -> tuple[Column, ...]:
        """The columns of the primary key, in its order."""
        return tuple(map(self.column, self.primary_key))

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def requires(self, column: Column) -> bool:
        """Whether every row has a value there."""
        return column.required or column.name in self.primary_key

    def partition_uri(self, base: str, run_date: date) -> str:
        """`base` narrowed to a run date, e.g. s3://b/processed/sales/orders/ingest_date=…/."""
        return f"{base}{self.partition}={run_date.isoformat()}/"

    def to_json(self) -> str:
        """Canonical JSON: the same contract gives the same text."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, ensure_ascii=False)

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits that change when anything in the contract does."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    @classmethod
    def from_json(cls, text: str) -> Contract:
        """The contract that `to_json` wrote."""
        raw = json.loads(text)
        return cls(
            **raw
            | {
                "columns": tuple(_column(each) for each in raw["columns"]),
                "primary_key": tuple(raw["primary_key"]),
                "rules": tuple(Rule(**each) for each in raw["rules"]),
                "checks": tuple(Check(**each) for each in raw["checks"]),
                "source": Source(**raw["source"]),
                "places": Places(**raw["places"]),
                "raw": Raw(**raw["raw"]),
                "partition_columns": tuple(raw["partition_columns"]),
            }
        )


def _type(raw: dict[str, Any]) -> Type:
    element = raw["element"] and _type(raw["element"])
    fields = tuple(Field(**each | {"type": _type(each["type"])}) for each in raw["fields"])
    return Type(**raw | {"element": element, "fields": fields})


def _column(raw: dict[str, Any]) -> Column:
    return Column(**raw | {"type": _type(raw["type"]), "path": tuple(raw["path"])})
