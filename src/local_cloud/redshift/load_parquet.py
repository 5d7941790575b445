"""COPY … FORMAT AS PARQUET: columns by position, types as Redshift Spectrum wants them."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from local_cloud.redshift.arrow_json import to_json
from local_cloud.redshift.backend import BackendError
from local_cloud.redshift.errors import FEATURE_NOT_SUPPORTED, SqlError, load_failure
from local_cloud.redshift.load_source import Source, https_uri
from local_cloud.redshift.plans import Copy
from local_cloud.redshift.table import Column, Failure, LoadError, Table

_HAS_PGPQ = importlib.util.find_spec("pgpq") is not None  # no wheel for Linux on arm64

_SUPPORTED = frozenset(
    "format manifest iam_role credentials access_key_id secret_access_key session_token fillrecord"
    " statupdate acceptinvchars serializetojson explicit_ids".split()
)
_BATCH_ROWS = 32_768
_BATCH_BYTES = 32 * 1024 * 1024
_SCAN_ERROR = 15007
_INTEGERS = {
    "smallint": (pa.int16(), (pa.int8(), pa.int16())),
    "integer": (pa.int32(), (pa.int8(), pa.int16(), pa.int32())),
    "bigint": (pa.int64(), (pa.int64(),)),
    "real": (pa.float32(), (pa.float32(),)),
    "double precision": (pa.float64(), (pa.float64(),)),
    "boolean": (pa.bool_(), (pa.bool_(),)),
    "date": (pa.date32(), (pa.date32(),)),
}
_TIMESTAMPS = {
    "timestamp without time zone": pa.timestamp("us"),
    "timestamp with time zone": pa.timestamp("us", "UTC"),
}


class ParquetRows:
    """The rows of Parquet files, row group by row group."""

    def __init__(self, plan: Copy, table: Table, sources: Sequence[Source], *, region: str) -> None:
        for name, value in plan.options.items():
            # MAXERROR 0, which asks for nothing, is in every COPY that dlt sends to Redshift.
            if name not in _SUPPORTED and (name, value) != ("maxerror", "0"):
                raise SqlError(
                    f"{name.upper()} argument is not supported for PARQUET based COPY",
                    FEATURE_NOT_SUPPORTED,
                )
        self.errors: list[LoadError] = []
        self.options = "FORMAT binary" if _HAS_PGPQ else "FORMAT csv"
        self._plan = plan
        self._columns = table.columns
        self._sources = sources
        self._region = region
        self._check_super()

    def _check_super(self) -> None:
        if "serializetojson" not in self._plan.options and any(
            column.kind == "super" for column in self._columns
        ):
            raise SqlError("SUPER column in COPY query requires SERIALIZETOJSON option")

    def chunks(self) -> Iterator[bytes]:
        """The rows of all files, each file's columns checked before its first row."""
        schema = pa.schema(
            [pa.field(str(place), _target(column)) for place, column in enumerate(self._columns)]
        )
        if not _HAS_PGPQ:
            yield from map(_as_csv, self._batches(schema))
            return
        from pgpq import ArrowToPostgresBinaryEncoder

        encoder = ArrowToPostgresBinaryEncoder(schema)
        yield encoder.write_header()
        for batch in self._batches(schema):
            if encoded := encoder.write_batch(batch):
                yield encoded
        yield encoder.finish()

    def explain(self, error: BackendError) -> tuple[SqlError, LoadError | None]:
        """PostgreSQL says it in its own words."""
        return error, None

    def note_skipped(self, notices: Sequence[dict[str, str]]) -> None:
        """It leaves none out."""

    def _batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        for source in self._sources:
            with self._open(source) as file:
                self._check_columns(source, file.schema_arrow, file)
                for batch in file.iter_batches(batch_size=_batch_rows(file.metadata)):
                    arrays = [
                        (
                            self._convert(source, column, batch.column(place), field.type)
                            if place < batch.num_columns
                            else pa.nulls(batch.num_rows, field.type)
                        )
                        for place, (column, field) in enumerate(
                            zip(self._columns, schema, strict=True)
                        )
                    ]
                    yield pa.record_batch(arrays, schema=schema)

    def _open(self, source: Source) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(source.path, memory_map=True)
        except (pa.ArrowInvalid, OSError):
            raise self._failure(source, "File has an invalid version number") from None

    def _check_columns(self, source: Source, schema: pa.Schema, file: pq.ParquetFile) -> None:
        wanted, found = len(self._columns), len(schema)
        if found > wanted or found < wanted and "fillrecord" not in self._plan.options:
            raise self._failure(
                source,
                "Unmatched number of columns between table and file. Table columns:"
                f" {wanted}, Data columns: {found}, File name: {self._https(source)}",
            )
        for place, (column, field) in enumerate(zip(self._columns, schema, strict=False)):
            if not _accepts(column, field.type):
                raise self._failure(
                    source,
                    f"File '{self._https(source)}' has an incompatible Parquet schema for column"
                    f" '{source.uri.rpartition('/')[0]}.{column.name}'. Column type:"
                    f" {column.type.upper()}, Parquet schema:\n{_parquet_type(file, field, place)}",
                    column,
                )

    def _convert(
        self, source: Source, column: Column, values: pa.Array, target: pa.DataType
    ) -> pa.Array:
        if column.kind == "super":
            return to_json(values)
        if values.type == target:
            converted = values
        elif pa.types.is_timestamp(target):
            converted = values.cast(pa.timestamp("us", values.type.tz), safe=False).cast(target)
        else:
            converted = values.cast(target)
        if column.is_text and column.size:
            longest = pc.max(pc.binary_length(converted)).as_py() or 0
            if longest > column.size:
                raise self._failure(
                    source,
                    f"The length of the data column {column.name} is longer than the length defined"
                    f" in the table. Table: {column.size}, Data: {longest}, File name:"
                    f" {self._https(source)}",
                    column,
                )
        return converted

    def _https(self, source: Source) -> str:
        return https_uri(source.uri, self._region)

    def _failure(self, source: Source, context: str, column: Column | None = None) -> Failure:
        error = load_failure(
            "Spectrum Scan Error",
            code=_SCAN_ERROR,
            context=context,
            location="dory_util.cpp:1777",
        )
        return Failure(error, load_error=LoadError(source.uri, 0, _SCAN_ERROR, context, column))


def _target(column: Column) -> pa.DataType:
    """The Arrow type whose binary form is the column's."""
    if column.kind in _INTEGERS:
        return _INTEGERS[column.kind][0]
    if column.kind in _TIMESTAMPS:
        return _TIMESTAMPS[column.kind]
    if column.kind == "numeric":
        return pa.decimal128(column.size or 18, column.scale or 0)
    if column.kind == "super" or column.is_text:
        return pa.string()
    if column.kind == "bytea":
        return pa.binary()
    raise SqlError(f'COPY from Parquet: column "{column.name}" has type {column.type}')


def _accepts(column: Column, found: pa.DataType) -> bool:
    if column.kind in _INTEGERS:
        return found in _INTEGERS[column.kind][1]
    if column.kind in _TIMESTAMPS:
        return bool(pa.types.is_timestamp(found))
    if column.kind == "numeric":
        return bool(
            pa.types.is_decimal(found)
            and found.scale == (column.scale or 0)
            and found.precision <= (column.size or 18)
        )
    if column.is_text:
        is_text = pa.types.is_string(found) or pa.types.is_large_string(found)
        return bool(is_text or pa.types.is_binary(found) or pa.types.is_dictionary(found))
    return column.kind in ("super", "bytea")


def _parquet_type(file: pq.ParquetFile, field: pa.Field, place: int) -> str:
    if pa.types.is_nested(field.type):
        return f"optional group {field.name}"
    leaf = next(c for c in file.schema if c.path.split(".")[0] == field.name)
    logical = "" if str(leaf.logical_type) == "None" else f" ({leaf.logical_type})"
    presence = "optional" if leaf.max_definition_level else "required"
    return f"{presence} {leaf.physical_type.lower()} {leaf.name}{logical} [i:{place} d:1 r:0]"


def _batch_rows(metadata: pq.FileMetaData) -> int:
    """So many rows that a batch takes little memory."""
    size = sum(metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups))
    return max(1, min(_BATCH_ROWS, int(_BATCH_BYTES * metadata.num_rows // max(size, 1))))


def _as_csv(batch: pa.RecordBatch) -> bytes:
    sink = io.BytesIO()
    pa.csv.write_csv(batch, sink, pa.csv.WriteOptions(include_header=False))
    return sink.getvalue()
