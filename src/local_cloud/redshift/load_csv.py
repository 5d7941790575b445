"""COPY of CSV and delimited text: read by Arrow, block by block."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from local_cloud.redshift.access import Access
from local_cloud.redshift.decompress import open_source
from local_cloud.redshift.errors import not_embedded
from local_cloud.redshift.load_source import Source
from local_cloud.redshift.plans import Copy
from local_cloud.redshift.table import Column, LoadError, Table

_BLOCK_BYTES = 4 * 1024 * 1024
_TOO_MANY, _TOO_FEW, _TOO_LONG, _NOT_UTF8 = 1202, 1214, 1204, 1220
_EPOCHS = {"epochsecs": 1_000_000, "epochmillisecs": 1_000}

LeaveOut = Callable[[LoadError], None]


def csv_chunks(
    _access: Access, plan: Copy, table: Table, source: Source, leave_out: LeaveOut
) -> Iterator[tuple[int, bytes]]:
    """Pieces of uniform CSV, each with its number of rows."""
    options = plan.options
    is_csv = options.get("format") == "csv"
    names = [column.name for column in table.columns]
    uneven: list[LoadError] = []
    skipped = int(options.get("ignoreheader", 0))

    def on_uneven(row: pa.csv.InvalidRow) -> str:
        code, reason = (
            (_TOO_MANY, "Extra column(s) found")
            if row.actual_columns > row.expected_columns
            else (_TOO_FEW, "Delimiter not found")
        )
        uneven.append(LoadError(source.uri, row.number or 0, code, reason, raw_line=row.text))
        return "skip"

    with open_source(source, options) as file:
        try:
            reader = pa.csv.open_csv(
                file,
                pa.csv.ReadOptions(
                    column_names=names,
                    skip_rows=skipped,
                    block_size=_BLOCK_BYTES,
                    use_threads=False,
                ),
                pa.csv.ParseOptions(
                    delimiter=options.get("delimiter", "," if is_csv else "|"),
                    quote_char=options.get("quote", '"') if is_csv else False,
                    newlines_in_values=is_csv,
                    invalid_row_handler=on_uneven,
                ),
                pa.csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.binary()), strings_can_be_null=False
                ),
            )
        except pa.ArrowInvalid:
            return  # an empty file
        for batch in reader:
            yield from _uniform(batch, plan, table, source, uneven, leave_out)
        for error in uneven:
            leave_out(error)


def _uniform(
    batch: pa.RecordBatch,
    plan: Copy,
    table: Table,
    source: Source,
    uneven: list[LoadError],
    leave_out: LeaveOut,
) -> Iterator[tuple[int, bytes]]:
    while uneven:
        leave_out(uneven.pop(0))
    arrays = [
        _clean(_decoded(values, plan, column, source, leave_out), column, plan.options)
        for column, values in zip(table.columns, batch.columns, strict=True)
    ]
    for values, column in zip(arrays, table.columns, strict=True):
        _check_length(values, column, source, leave_out)
    yield batch.num_rows, as_csv(pa.record_batch(arrays, names=batch.schema.names))


def as_csv(batch: pa.RecordBatch) -> bytes:
    """A batch of texts as PostgreSQL's CSV reads it: NULL as nothing, texts in quotes."""
    sink = io.BytesIO()
    pa.csv.write_csv(batch, sink, pa.csv.WriteOptions(include_header=False))
    return sink.getvalue()


def _decoded(
    values: pa.Array, plan: Copy, column: Column, source: Source, leave_out: LeaveOut
) -> pa.Array:
    try:
        return values.cast(pa.string())
    except pa.ArrowInvalid:
        replacement = plan.options.get("acceptinvchars")
        if replacement is None:
            reason = "String contains invalid or unsupported UTF8 codepoints."
            leave_out(LoadError(source.uri, 0, _NOT_UTF8, reason, column))
        texts = (value.decode("utf-8", "replace") for value in values.to_pylist())
        return pa.array([text.replace("\ufffd", replacement or "?") for text in texts])


def _clean(values: pa.Array, column: Column, options: dict[str, str]) -> pa.Array:
    """NULL, blanks and epochs by the options."""
    nothing = pa.scalar(None, pa.string())
    values = pc.if_else(pc.equal(values, options.get("null", "\\N")), nothing, values)
    if column.is_text:
        if "trimblanks" in options:
            values = pc.utf8_rtrim(values, " ")
        if "blanksasnull" in options:
            values = pc.if_else(pc.equal(pc.utf8_trim(values, " "), ""), nothing, values)
        if "emptyasnull" in options:
            values = pc.if_else(pc.equal(values, ""), nothing, values)
        if "truncatecolumns" in options and column.size:
            values = _truncated(values, column.size)
        return values
    values = pc.if_else(pc.equal(pc.utf8_trim(values, " "), ""), nothing, values)
    if column.kind == "numeric" and "roundec" not in options:
        values = cut_digits(values, column)
    time_format = options.get("timeformat", "auto").lower()
    if column.kind.startswith("timestamp") and time_format != "auto":
        values = _from_epoch(values, time_format)
    return values


def cut_digits(values: pa.Array, column: Column) -> pa.Array:
    """Numbers without the digits beyond the column's scale: COPY cuts, where INSERT rounds."""
    pattern = rf"^(\s*[+-]?\d*\.\d{{{column.scale or 0}}})\d+(\s*)$"
    return pc.replace_substring_regex(values, pattern, r"\1\2")


def _from_epoch(values: pa.Array, time_format: str) -> pa.Array:
    if time_format not in _EPOCHS:
        raise not_embedded(f"COPY with TIMEFORMAT '{time_format}'")
    microseconds = pc.multiply(values.cast(pa.int64()), _EPOCHS[time_format])
    return microseconds.cast(pa.timestamp("us")).cast(pa.string())


def _truncated(values: pa.Array, size: int) -> pa.Array:
    longest = pc.max(pc.binary_length(values)).as_py() or 0
    if longest <= size:
        return values
    return pa.array(
        [
            None if text is None else text.encode()[:size].decode("utf-8", "ignore")
            for text in values.to_pylist()
        ],
        pa.string(),
    )


def _check_length(values: pa.Array, column: Column, source: Source, leave_out: LeaveOut) -> None:
    longest = pc.max(pc.binary_length(values)).as_py() or 0
    if column.is_text and column.size and longest > column.size:
        place = pc.index(pc.greater(pc.binary_length(values), column.size), True).as_py()
        leave_out(
            LoadError(
                source.uri,
                place + 1,
                _TOO_LONG,
                "String length exceeds DDL length",
                column,
                str(values[place]),
            )
        )
