"""UNLOAD: a query's rows to S3 as Parquet or text."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import queue
import re
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote as quote_path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from local_cloud.context import Cloud
from local_cloud.redshift import messages
from local_cloud.redshift.backend import Backend
from local_cloud.redshift.errors import SqlError, not_embedded
from local_cloud.redshift.load_source import check_access, split_uri
from local_cloud.redshift.plans import Unload
from local_cloud.redshift.table import quote

_SUPPORTED = frozenset(
    "format iam_role credentials access_key_id secret_access_key session_token region"
    " allowoverwrite cleanpath manifest verbose parallel header delimiter null gzip include"
    " maxfilesize rowgroupsize extension".split()
)
_BLOCK_BYTES = 4 * 1024 * 1024
_ARROW_TYPES = {
    16: pa.bool_(),
    20: pa.int64(),
    21: pa.int16(),
    23: pa.int32(),
    700: pa.float32(),
    701: pa.float64(),
    1082: pa.date32(),
    1114: pa.timestamp("us"),
    1184: pa.timestamp("us", "UTC"),
}
_NUMERIC = 1700
_MAX_DIGITS = 38


@dataclass(frozen=True)
class _Field:
    name: str
    oid: int
    modifier: int

    @property
    def arrow_type(self) -> pa.DataType:
        """The type in a Parquet file."""
        if self.oid == _NUMERIC:
            digits = self.modifier - 4
            return pa.decimal128(digits >> 16, digits & 0xFFFF)
        return _ARROW_TYPES.get(self.oid, pa.string())


@dataclass(frozen=True)
class _Written:
    uri: str
    size: int
    rows: int


async def unload(cloud: Cloud, plan: Unload, backend: Backend) -> int:
    """Run it; the number of rows that were written.

    Raises:
        SqlError: The query fails, or the target may not be written.
    """
    for name in plan.options:
        if name not in _SUPPORTED:
            raise not_embedded(f"UNLOAD with {name.upper()}")
    if {"allowoverwrite", "cleanpath"} <= plan.options.keys():
        raise SqlError("ALLOWOVERWRITE and CLEANPATH cannot both be given", "42601")
    fields = await _fields(plan, backend)
    await asyncio.to_thread(_prepare_target, cloud, plan)
    pipe = _Pipe()
    with tempfile.TemporaryDirectory(dir=cloud.home) as folder:
        writing = asyncio.create_task(
            asyncio.to_thread(_write, cloud, plan, fields, pipe, Path(folder))
        )
        backend.writer.write(
            messages.query(f"COPY ({plan.query}) TO STDOUT (FORMAT csv, FORCE_QUOTE *)")
        )
        try:
            await backend.answer(pipe.feed)
        finally:
            pipe.feed(b"")
            written = await asyncio.gather(writing, return_exceptions=True)
    if isinstance(written[0], BaseException):
        raise SqlError(f"UNLOAD failed: {written[0]}") from written[0]
    return written[0]


async def _fields(plan: Unload, backend: Backend) -> list[_Field]:
    """Names and types of the query's columns."""
    description = (await backend.query(f"SELECT * FROM ({plan.query}) q LIMIT 0")).columns
    fields = []
    place = 2
    for _ in range(struct.unpack_from("!H", description)[0]):
        end = description.index(b"\0", place)
        oid, _size, modifier = struct.unpack_from("!Ihi", description, end + 7)
        name = description[place:end].decode()
        if oid == _NUMERIC and modifier < 0 and plan.options.get("format") == "parquet":
            modifier = await _numeric_modifier(plan, backend, name)
        fields.append(_Field(name, oid, modifier))
        place = end + 19
    return fields


async def _numeric_modifier(plan: Unload, backend: Backend, name: str) -> int:
    """Of a computed number, whose scale PostgreSQL leaves open: as many digits as it has."""
    answer = await backend.query(
        f"SELECT coalesce(max(scale({quote(name)})), 0) FROM ({plan.query}) q"
    )
    return (_MAX_DIGITS << 16 | int(answer.rows[0][0] or 0)) + 4


def _prepare_target(cloud: Cloud, plan: Unload) -> None:
    check_access(cloud, plan.options)
    bucket, prefix = split_uri(plan.target)
    existing = cloud.list_objects(bucket, prefix)
    if "cleanpath" in plan.options:
        for key, _, _ in existing:
            cloud.client("s3").delete_object(Bucket=bucket, Key=key)
    elif existing and "allowoverwrite" not in plan.options:
        raise SqlError(
            "Specified unload destination on S3 is not empty. Consider using a different bucket /"
            " prefix, manually removing the target files in S3, or using the ALLOWOVERWRITE option."
        )


class _Pipe(io.RawIOBase):
    """Bytes from the event loop to a thread that reads them."""

    def __init__(self) -> None:
        self._pieces: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._rest = b""
        self._ended = False

    def feed(self, piece: bytes) -> None:
        """Add a piece; an empty one is the end."""
        self._pieces.put(piece)

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for a piece."""
        if not self._rest and not self._ended:
            self._rest = self._pieces.get()
            self._ended = not self._rest
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def _write(cloud: Cloud, plan: Unload, fields: list[_Field], pipe: _Pipe, folder: Path) -> int:
    """Write the rows to files, and these to S3."""
    targets = _Targets(cloud, plan, folder)
    is_typed = plan.options.get("format") == "parquet"
    for batch in _batches(fields, pipe, is_typed=is_typed):
        for suffix, part in _partitions(plan, batch):
            targets.add(suffix, part)
    written = targets.finish(fields)
    if "manifest" in plan.options:
        _write_manifest(cloud, plan, written)
    return sum(each.rows for each in written)


def _batches(fields: list[_Field], pipe: _Pipe, *, is_typed: bool) -> Iterator[pa.RecordBatch]:
    """The rows; as the text that PostgreSQL wrote, which is Redshift's too, unless typed."""
    places = [str(place) for place in range(len(fields))]  # names may repeat
    types = [field.arrow_type if is_typed else pa.string() for field in fields]
    try:
        reader = pa.csv.open_csv(
            io.BufferedReader(pipe, _BLOCK_BYTES),
            pa.csv.ReadOptions(column_names=places, block_size=_BLOCK_BYTES),
            pa.csv.ParseOptions(newlines_in_values=True),
            pa.csv.ConvertOptions(
                column_types=dict(zip(places, types, strict=True)),
                true_values=["t"],
                false_values=["f"],
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return  # no rows
    for batch in reader:
        yield pa.record_batch(batch.columns, names=[field.name for field in fields])


def _partitions(plan: Unload, batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    if not plan.partition_by:
        yield "", batch
        return
    table = pa.table(batch)
    keys = table.select(list(plan.partition_by)).group_by(list(plan.partition_by)).aggregate([])
    for key in keys.to_pylist():
        chosen = table
        for name, value in key.items():
            same = pc.is_null(chosen[name]) if value is None else pc.equal(chosen[name], value)
            chosen = chosen.filter(same)
        if "include" not in plan.options:
            chosen = chosen.drop_columns(list(plan.partition_by))
        folders = (f"{name}={_folder(value)}/" for name, value in key.items())
        for part in chosen.combine_chunks().to_batches():
            yield "".join(folders), part


def _folder(value: object) -> str:
    return "__HIVE_DEFAULT_PARTITION__" if value is None else quote_path(str(value), safe=" -_.:")


class _Targets:
    """One file for each partition."""

    def __init__(self, cloud: Cloud, plan: Unload, folder: Path) -> None:
        self._cloud = cloud
        self._plan = plan
        self._folder = folder
        self._open: dict[str, tuple[Path, Any, list[int]]] = {}

    def add(self, suffix: str, batch: pa.RecordBatch) -> None:
        """Append rows to a partition's file."""
        if suffix not in self._open:
            path = self._folder / str(len(self._open))
            self._open[suffix] = path, self._writer(path, batch.schema), [0]
        _, writer, rows = self._open[suffix]
        writer.write(batch)
        rows[0] += batch.num_rows

    def _writer(self, path: Path, schema: pa.Schema) -> Any:
        if self._plan.options.get("format") == "parquet":
            return pq.ParquetWriter(path, schema, compression="snappy", version="1.0")
        return _TextWriter(path, self._plan.options, schema.names)

    def finish(self, fields: list[_Field]) -> list[_Written]:
        """Put the files into S3."""
        if not self._open and self._plan.options.get("format") == "parquet":
            schema = pa.schema([(field.name, field.arrow_type) for field in fields])
            self.add("", pa.RecordBatch.from_pylist([], schema))
        bucket, prefix = split_uri(self._plan.target)
        written = []
        for suffix, (path, writer, rows) in self._open.items():
            writer.close()
            key = f"{prefix}{suffix}{self._name()}"
            self._cloud.client("s3").upload_file(str(path), bucket, key)
            written.append(_Written(f"s3://{bucket}/{key}", path.stat().st_size, rows[0]))
        return written

    def _name(self) -> str:
        options = self._plan.options
        is_parallel = options.get("parallel", "on").lower() not in ("off", "false")
        name = "0000_part_00" if is_parallel else "000"
        if options.get("format") == "parquet":
            return f"{name}.parquet"
        extension = options.get("extension", "gz" if "gzip" in options else "")
        return f"{name}.{extension}" if extension else name


class _TextWriter:
    """CSV, or text with a delimiter."""

    def __init__(self, path: Path, options: dict[str, str], names: list[str]) -> None:
        self._file = gzip.open(path, "wb") if "gzip" in options else path.open("wb")
        self._is_csv = options.get("format") == "csv"
        self._delimiter = options.get("delimiter", "," if self._is_csv else "|")
        self._null = options.get("null", "")
        if "header" in options:
            self._file.write((self._delimiter.join(names) + "\n").encode())

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows."""
        columns = [pc.fill_null(self._quoted(texts), self._null) for texts in batch.columns]
        lines = pc.binary_join_element_wise(*columns, self._delimiter)
        self._file.write("".join(f"{line}\n" for line in lines.to_pylist()).encode())

    def _quoted(self, texts: pa.Array) -> pa.Array:
        if not self._is_csv:
            return texts
        special = pc.match_substring_regex(texts, f'["\\r\\n{re.escape(self._delimiter)}]')
        doubled = pc.replace_substring(texts, '"', '""')
        return pc.if_else(special, pc.binary_join_element_wise('"', doubled, '"', ""), texts)

    def close(self) -> None:
        """The file is complete."""
        self._file.close()


def _write_manifest(cloud: Cloud, plan: Unload, written: list[_Written]) -> None:
    bucket, prefix = split_uri(plan.target)
    entries: list[dict[str, Any]] = [
        {"url": each.uri, "meta": {"content_length": each.size, "record_count": each.rows}}
        for each in written
    ]
    manifest: dict[str, Any] = {"entries": entries}
    if "verbose" in plan.options:
        total = {
            "content_length": sum(each.size for each in written),
            "record_count": sum(each.rows for each in written),
        }
        manifest["meta"] = total
    cloud.client("s3").put_object(
        Bucket=bucket, Key=f"{prefix}manifest", Body=json.dumps(manifest, indent=2).encode()
    )
