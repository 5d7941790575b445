"""The files that an UNLOAD writes: their names, their parts, their partitions, their manifest."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from local_cloud.context import Cloud
from local_cloud.redshift.access import split_uri
from local_cloud.redshift.plans import Unload

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
_UNITS = {"mb": 1024**2, "gb": 1024**3}


@dataclass(frozen=True)
class Field:
    """A column of the query's result, with PostgreSQL's type."""

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
class File:
    """A complete file; `name` is what its key has after the prefix."""

    path: Path
    name: str
    rows: int


class Targets:
    """The open file of each partition, and those that are full."""

    def __init__(self, plan: Unload, fields: Sequence[Field], folder: Path) -> None:
        self._options = plan.options
        self._fields = fields
        self._folder = folder
        size, unit = (plan.options.get("maxfilesize") or "6 gb").split()
        self._most_bytes = float(size) * _UNITS[unit]
        self._open: dict[str, _Writer] = {}
        self._parts: dict[str, int] = {}
        self._files: list[File] = []

    def add(self, suffix: str, batch: pa.RecordBatch) -> None:
        """Append rows to a partition."""
        if suffix not in self._open:
            path = self._folder / f"{len(self._files) + len(self._open)}"
            self._open[suffix] = _Writer(path, self._options, batch.schema)
        writer = self._open[suffix]
        writer.write(batch)
        if writer.path.stat().st_size >= self._most_bytes:
            self._finish(suffix)

    def close(self) -> list[File]:
        """Complete what is open; Parquet of no rows has its columns still."""
        if not self._open and not self._files and self._options.get("format") == "parquet":
            schema = pa.schema([(field.name, field.arrow_type) for field in self._fields])
            self.add("", pa.RecordBatch.from_pylist([], schema))
        for suffix in list(self._open):
            self._finish(suffix)
        return self._files

    def _finish(self, suffix: str) -> None:
        writer = self._open.pop(suffix)
        writer.close()
        part = self._parts.get(suffix, 0)
        self._parts[suffix] = part + 1
        self._files.append(File(writer.path, suffix + self._name(part), writer.rows))

    def _name(self, part: int) -> str:
        is_parallel = self._options.get("parallel", "on") not in ("off", "false")
        name = f"0000_part_{part:02}" if is_parallel else f"{part:03}"
        if self._options.get("format") == "parquet":
            return f"{name}.parquet"
        extension = self._options.get("extension", "gz" if "gzip" in self._options else "")
        return f"{name}.{extension}" if extension else name


class _Writer:
    """One file that grows."""

    def __init__(self, path: Path, options: dict[str, str], schema: pa.Schema) -> None:
        self.path = path
        self.rows = 0
        self._writer: Any
        if options.get("format") == "parquet":
            self._writer = pq.ParquetWriter(path, schema, compression="snappy", version="1.0")
        else:
            self._writer = _TextWriter(path, options, schema.names)

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows."""
        self._writer.write(batch)
        self.rows += batch.num_rows

    def close(self) -> None:
        """The file is complete."""
        self._writer.close()


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


def partitions(plan: Unload, batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The rows of each partition, and its folders."""
    if not plan.partition_by:
        yield "", batch
        return
    table = pa.table(batch)
    names = list(plan.partition_by)
    for key in table.select(names).group_by(names).aggregate([]).to_pylist():
        chosen = table
        for name, value in key.items():
            same = pc.is_null(chosen[name]) if value is None else pc.equal(chosen[name], value)
            chosen = chosen.filter(same)
        if "include" not in plan.options:
            chosen = chosen.drop_columns(names)
        folders = "".join(f"{name}={_folder(value)}/" for name, value in key.items())
        for part in chosen.combine_chunks().to_batches():
            yield folders, part


def _folder(value: object) -> str:
    return "__HIVE_DEFAULT_PARTITION__" if value is None else quote(str(value), safe=" -_.:")


def write_manifest(cloud: Cloud, plan: Unload, files: Sequence[File]) -> None:
    """The list of files, as COPY … MANIFEST takes it."""
    entries = [
        {
            "url": plan.target + file.name,
            "meta": {"content_length": file.path.stat().st_size, "record_count": file.rows},
        }
        for file in files
    ]
    manifest: dict[str, Any] = {"entries": entries}
    if "verbose" in plan.options:
        manifest["meta"] = {
            "content_length": sum(file.path.stat().st_size for file in files),
            "record_count": sum(file.rows for file in files),
        }
    bucket, prefix = split_uri(plan.target)
    body = json.dumps(manifest, indent=2).encode()
    cloud.client("s3").put_object(Bucket=bucket, Key=f"{prefix}manifest", Body=body)
