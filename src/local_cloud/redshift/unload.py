"""UNLOAD: a query's rows to S3 as Parquet or text."""

from __future__ import annotations

import asyncio
import io
import queue
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from local_cloud.context import Cloud
from local_cloud.home import UNFINISHED
from local_cloud.redshift import messages
from local_cloud.redshift.access import Access, open_access, refuse_missing_bucket, split_uri
from local_cloud.redshift.backend import Backend
from local_cloud.redshift.errors import SqlError, not_embedded
from local_cloud.redshift.lexer import quote
from local_cloud.redshift.plans import Unload
from local_cloud.redshift.unload_files import Field, Targets, partitions, write_manifest

_SUPPORTED = frozenset(
    "format iam_role credentials access_key_id secret_access_key session_token region"
    " allowoverwrite cleanpath manifest verbose parallel header delimiter null gzip include"
    " maxfilesize rowgroupsize extension".split()
)
_BLOCK_BYTES = 4 * 1024 * 1024
_MAX_PIECES = 64  # of what the socket gives at once, waiting to be written
_NUMERIC = 1700
_MAX_DIGITS = 38


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
    access = await asyncio.to_thread(_check_target, cloud, plan)
    pipe = _Pipe()
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=cloud.home) as folder:
        writing = asyncio.create_task(
            asyncio.to_thread(_write, access, plan, fields, pipe, Path(folder))
        )
        backend.writer.write(
            messages.query(f"COPY ({plan.query}) TO STDOUT (FORMAT csv, FORCE_QUOTE *)")
        )
        try:
            await backend.answer(pipe.feed)
        except BaseException:
            pipe.end(complete=False)
            await asyncio.wait([writing])
            writing.exception()
            raise
        pipe.end(complete=True)
        return await writing


async def _fields(plan: Unload, backend: Backend) -> list[Field]:
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
        fields.append(Field(name, oid, modifier))
        place = end + 19
    return fields


async def _numeric_modifier(plan: Unload, backend: Backend, name: str) -> int:
    """Of a computed number, whose scale PostgreSQL leaves open: as many digits as it has."""
    answer = await backend.query(
        f"SELECT coalesce(max(scale({quote(name)})), 0) FROM ({plan.query}) q"
    )
    return (_MAX_DIGITS << 16 | int(answer.rows[0][0] or 0)) + 4


def _check_target(cloud: Cloud, plan: Unload) -> Access:
    access = open_access(cloud, plan.options)
    bucket, prefix = split_uri(plan.target)
    refuse_missing_bucket(cloud, bucket)
    access.check_list(bucket, prefix)
    access.check_write(plan.target)
    is_replaced = {"allowoverwrite", "cleanpath"} & plan.options.keys()
    if not is_replaced and cloud.list_objects(bucket, prefix):
        raise SqlError(
            "Specified unload destination on S3 is not empty. Consider using a different bucket /"
            " prefix, manually removing the target files in S3, or using the ALLOWOVERWRITE option."
        )
    return access


class _Pipe(io.RawIOBase):
    """Bytes from the event loop to a thread that reads them."""

    def __init__(self) -> None:
        self._pieces: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._rest = b""
        self._ended = False

    async def feed(self, piece: bytes) -> None:
        """Add a piece, once there is room."""
        while self._pieces.qsize() > _MAX_PIECES:
            await asyncio.sleep(0.005)
        self._pieces.put(piece)

    def end(self, *, complete: bool) -> None:
        """There are no more; reading fails if they are not all."""
        self._pieces.put(b"" if complete else None)

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for a piece."""
        if not self._rest and not self._ended:
            piece = self._pieces.get()
            if piece is None:
                raise OSError("the query failed")
            self._rest, self._ended = piece, not piece
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def _write(access: Access, plan: Unload, fields: list[Field], pipe: _Pipe, folder: Path) -> int:
    """Write the rows to files, and these to S3 once all rows are there."""
    targets = Targets(plan, fields, folder)
    for batch in _batches(plan, fields, pipe):
        for suffix, part in partitions(plan, batch):
            targets.add(suffix, part)
    files = targets.close()
    cloud, (bucket, prefix) = access.cloud, split_uri(plan.target)
    if "cleanpath" in plan.options:
        for key, _, _ in cloud.list_objects(bucket, prefix):
            access.check_delete(f"s3://{bucket}/{key}")
            cloud.client("s3").delete_object(Bucket=bucket, Key=key)
    for file in files:
        access.check_write(plan.target + file.name)
        cloud.client("s3").upload_file(str(file.path), bucket, prefix + file.name)
    if "manifest" in plan.options:
        write_manifest(cloud, plan, files)
    return sum(file.rows for file in files)


def _batches(plan: Unload, fields: list[Field], pipe: _Pipe) -> Iterator[pa.RecordBatch]:
    """The rows; for text as PostgreSQL wrote them, which is how Redshift does."""
    is_typed = plan.options.get("format") == "parquet"
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
