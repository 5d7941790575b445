"""The processed files: of the good rows one for each primary key, the latest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from pathlib import Path

import duckdb

from etl import hive
from etl.duckdb.rows import JUDGED, State
from etl.duckdb.sql import LINE, identifier, quote
from etl.duckdb.types import duckdb_type
from etl.manifest import RawObject
from etl.model import Contract
from etl.transforming import FULL_FILE_BYTES, Lineage, names_sources

_GOOD = f'"$state" = {State.GOOD:d}'
_ROW = f"{JUDGED}.rowid"
_KEPT = f'{_GOOD} AND {_ROW} NOT IN (SELECT "$row" FROM "$older")'
_BLOCKS = 1_000  # of rows in a share, which are counted together


def write_processed(
    database: duckdb.DuckDBPyConnection,
    contract: Contract,
    *,
    objects: Sequence[RawObject],
    lineage: Lineage,
    folder: Path,
    name: str,
    shares: int,
) -> tuple[dict[str, Path], int]:
    """Write the rows into files of a new folder.

    Args:
        objects: Those that "$object" counts.
        name: What the files' names begin with.
        shares: How many files of about equal size the rows become; each is cut where it is full.

    Returns:
        The files by their keys below the run date's prefix, and how many rows they have.
    """
    sources = [each.source or each.uri for each in objects]
    database.execute(
        'CREATE TEMP TABLE "$sources" AS SELECT unnest(range(len($1)))::INTEGER AS "$number",'
        ' unnest($1)::VARCHAR AS "$source"',
        [sources],
    )
    database.execute(_older(contract))
    folder.mkdir()
    files: dict[str, Path] = {}
    written = 0
    ranges = _ranges(database, shares)
    for number, (below, condition) in enumerate(_partitions(database, contract)):
        found: list[Path] = []
        for share, rows in enumerate(ranges):
            into = folder / f"{number}-{share}"
            count = database.execute(
                f"COPY ({_latest(contract, lineage)} AND {condition} AND {rows})"
                f" TO {quote(str(into))}"
                f" (FORMAT parquet, COMPRESSION snappy, FILE_SIZE_BYTES {FULL_FILE_BYTES})"
            ).fetchall()
            written += count[0][0]
            found += sorted(path for path in into.iterdir() if count[0][0])
        for index, path in enumerate(found):
            files[f"{below}{name}-{index:05d}.snappy.parquet"] = path
    return files, written


def _older(contract: Contract) -> str:
    """SQL of the table of rows that another one with the same key supersedes: the latest wins,
    among equals the one with the greatest line, and of equal lines, where it shows, that of the
    greatest source object."""
    key = ", ".join(identifier(each) for each in contract.primary_key)
    order = [f"{LINE} DESC"]
    if names_sources(contract):
        order.append('"$source" DESC')
    if contract.latest_by is not None:
        order.insert(0, f"{identifier(contract.latest_by)} DESC NULLS LAST")
    order.append(_ROW)  # or the same row could be in another file the next time
    # Few keys stand twice: only their rows are sorted.
    several = f"SELECT {key} FROM {JUDGED} WHERE {_GOOD} GROUP BY {key} HAVING count(*) > 1"
    return (
        f'CREATE TEMP TABLE "$older" AS SELECT "$row" FROM (SELECT {_ROW} AS "$row",'
        f" row_number() OVER (PARTITION BY {key} ORDER BY {', '.join(order)}) AS \"$rank\""
        f' FROM {JUDGED} JOIN "$sources" ON "$object" = "$number"'
        f' SEMI JOIN ({several}) USING ({key}) WHERE {_GOOD}) WHERE "$rank" > 1'
    )


def _latest(contract: Contract, lineage: Lineage) -> str:
    moment = lineage.ingested_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")
    values = {
        "_source_file": '"$source"',
        "_ingested_at": f"TIMESTAMPTZ {quote(moment)}",
        "_run_id": quote(lineage.run_id),
        "_contract_version": quote(contract.version),
    }
    columns = [
        (
            f"CAST({values[each.name]} AS {duckdb_type(each.type)}) AS {identifier(each.name)}"
            if each.lineage
            else identifier(each.name)
        )
        for each in contract.columns
        if each.name not in contract.partition_columns
    ]
    return (
        f'SELECT {", ".join(columns)} FROM {JUDGED} JOIN "$sources" ON "$object" = "$number"'
        f" WHERE {_KEPT}"
    )


def _ranges(database: duckdb.DuckDBPyConnection, shares: int) -> list[str]:
    """SQL of which rows go into each share: neighbours, which DuckDB finds without reading others.

    No range is empty, so rows that are fewer than the shares have fewer.
    """
    if shares == 1:
        return ["true"]
    (last,) = database.execute(f"SELECT coalesce(max(rowid), 0) FROM {JUDGED}").fetchall()[0]
    step = 1 + last // (shares * _BLOCKS)
    blocks = database.execute(
        f"SELECT {_ROW} // {step} * {step} AS first, count(*) FROM {JUDGED}"
        f" WHERE {_KEPT} GROUP BY first ORDER BY first"
    ).fetchall()
    total, seen, starts = sum(count for _, count in blocks), 0, [0]
    for first, count in blocks:
        if seen * shares >= total * len(starts):
            starts.append(first)
        seen += count
    ends = [*starts[1:], last + 1]
    return [
        f"{_ROW} >= {start} AND {_ROW} < {end}" for start, end in zip(starts, ends, strict=True)
    ]


def _partitions(database: duckdb.DuckDBPyConnection, contract: Contract) -> list[tuple[str, str]]:
    """The folders that rows lie in, each with the SQL of which rows do."""
    names = contract.partition_columns
    if not names:
        return [("", "true")]
    columns = ", ".join(map(identifier, names))
    found = database.execute(
        f"SELECT DISTINCT {columns} FROM {JUDGED} WHERE {_GOOD} ORDER BY {columns}"
    ).fetchall()
    partitions = []
    for values in found:
        condition = " AND ".join(
            f"{identifier(name)} IS NOT DISTINCT FROM"
            f" {'NULL' if value is None else quote(str(value))}"
            for name, value in zip(names, values, strict=True)
        )
        partitions.append((hive.folder(contract, dict(zip(names, values))), condition))
    return partitions
