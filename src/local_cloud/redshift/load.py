"""COPY: data from S3 into a table, in the session's transaction."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator

from local_cloud.context import Cloud
from local_cloud.redshift import messages
from local_cloud.redshift.access import open_access
from local_cloud.redshift.backend import Answer, Backend, BackendError
from local_cloud.redshift.errors import SqlError, not_embedded
from local_cloud.redshift.load_source import find_sources
from local_cloud.redshift.plans import Copy, Special, Unload
from local_cloud.redshift.postgres import Postgres
from local_cloud.redshift.table import (
    Failure,
    LoadError,
    Rows,
    Table,
    keep_load_errors,
    load_errors_sql,
    read_table,
)

_PIECE_BYTES = 1024 * 1024
_COPY_DATA = struct.Struct("!cI")


class Loader:
    """Runs COPY and UNLOAD against the cloud's S3."""

    def __init__(self, cloud: Cloud, postgres: Postgres) -> None:
        self._cloud = cloud
        self._postgres = postgres

    async def run(self, plan: Special, backend: Backend) -> str:
        """Run it in the session's transaction; the tag to answer with.

        Raises:
            SqlError: It failed; the session can go on.
        """
        name = "UNLOAD" if isinstance(plan, Unload) else "COPY"
        try:
            if isinstance(plan, Unload):
                from local_cloud.redshift.unload import unload  # pyarrow: see _open

                rows = await unload(self._cloud, plan, backend)
                await _remember(backend, "last_unload_count", rows)
            elif isinstance(plan, Copy):
                rows = await self._copy(plan, backend)
                await _remember(backend, "last_copy_count", rows)
        except (SqlError, ConnectionError):
            raise
        except Exception as error:  # S3 or a file: for the client to see, not to end its session
            raise SqlError(f"{name} failed: {error}") from error
        return name

    async def _copy(self, plan: Copy, backend: Backend) -> int:
        table = await read_table(backend, plan)
        rows = await asyncio.to_thread(self._open, plan, table)
        try:
            answer = await _stream(backend, table, rows)
        except Failure as failure:
            await self._keep(backend, table, [*rows.errors, failure.load_error])
            raise failure.error from None
        except BackendError as error:
            explained, load_error = rows.explain(error)
            if load_error:
                await self._keep(backend, table, [*rows.errors, load_error])
            raise explained from None
        rows.note_skipped(answer.notices)
        if rows.errors:  # in this transaction, or it would not see them
            await backend.query(load_errors_sql(table, backend.process_id, rows.errors))
        return int(answer.tag.split()[-1])

    def _open(self, plan: Copy, table: Table) -> Rows:
        # Here and not above: pyarrow would make every start slower by a quarter of a second.
        from local_cloud.redshift.load_parquet import ParquetRows
        from local_cloud.redshift.load_text import TextRows

        if "noload" in plan.options:
            raise not_embedded("COPY with NOLOAD")
        access = open_access(self._cloud, plan.options)
        if plan.options.get("format") == "parquet":
            sources = find_sources(access, plan)
            return ParquetRows(plan, table, sources, region=self._cloud.region)
        return TextRows(access, plan, table, find_sources(access, plan))

    async def _keep(self, backend: Backend, table: Table, errors: list[LoadError]) -> None:
        statement = load_errors_sql(table, backend.process_id, errors)
        await asyncio.to_thread(keep_load_errors, self._postgres, backend.database, statement)


async def _remember(backend: Backend, name: str, value: int) -> None:
    await backend.query(
        f"SELECT set_config('redshift.{name}', '{value}', false),"
        " set_config('redshift.last_copy_id', nextval('redshift.query_id')::text, false)"
    )


async def _stream(backend: Backend, table: Table, rows: Rows) -> Answer:
    """Feed a COPY of PostgreSQL's; the next piece is made while one is sent.

    Raises:
        BackendError: PostgreSQL refused the data.
        Failure: The data cannot be read.
    """
    backend.writer.write(
        messages.query(f"COPY {table.sql_name} ({table.sql_columns}) FROM STDIN ({rows.options})")
    )
    await backend.until(b"G")
    answering = asyncio.create_task(backend.answer())
    chunks = rows.chunks()
    try:
        coming = asyncio.create_task(asyncio.to_thread(_next, chunks))
        while (chunk := await coming) is not None and not answering.done():
            coming = asyncio.create_task(asyncio.to_thread(_next, chunks))
            await _send(backend, chunk)
        if chunk is not None:
            await coming
    except BaseException:
        backend.writer.write(messages.message(b"f", b"refused\0"))
        await asyncio.wait([answering])
        answering.exception()
        raise
    backend.writer.write(messages.message(b"c"))
    return await answering


def _next(chunks: Iterator[bytes]) -> bytes | None:
    return next(chunks, None)


async def _send(backend: Backend, chunk: bytes) -> None:
    view = memoryview(chunk)
    for start in range(0, len(view), _PIECE_BYTES):
        piece = view[start : start + _PIECE_BYTES]
        backend.writer.write(_COPY_DATA.pack(b"d", len(piece) + 4))
        backend.writer.write(piece)
        await backend.writer.drain()
