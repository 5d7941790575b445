"""Raw → processed and quarantine, in DuckDB: one query over the lines, one over the keys.

It ends where `etl.spark.transform` ends: the same rows, the same quarantine, the same schema. What
a line means is up to `etl.judge`; the query takes the lines that it is sure of.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from etl.corrections import read_corrections
from etl.drift.diff import make_diff, tally_looks
from etl.drift.look import Looker
from etl.drift.sampling import LONGEST_BYTES, sample_step
from etl.drift.tally import Tally
from etl.duckdb.at_once import judge_usual_lines
from etl.duckdb.files import replace_files
from etl.duckdb.lines import Lines
from etl.duckdb.processed import write_processed
from etl.duckdb.rejected import Quarantine
from etl.duckdb.rows import CHUNK, JUDGED, NotForSql, State, create_table, judge_lines
from etl.duckdb.scratch import scratch_folder
from etl.duckdb.sql import LINE, identifier
from etl.errors import TransformError
from etl.judge import Accepted, Filtered, Judge, Rejected
from etl.manifest import Manifest, RawObject
from etl.model import Contract
from etl.transforming import OUTCOMES, Lineage, file_count, lines_bytes
from etl.validation.arrow_schema import arrow_type

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Of an expression's value that only Python holds, or of a pattern beyond RE2's limits.
REFUSALS = (
    duckdb.BinderException,
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.OutOfRangeException,
)
_ROWS_AT_ONCE = 5_000
_SAMPLED_BYTES = 128 * 1024  # of the first object
_REJECTED_CHARACTERS = 16 * 1024 * 1024  # of lines that wait in memory for their file


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What DuckDB may take of the machine; it goes to the disk for what needs more memory."""

    memory_mib: int
    threads: int | None = None


def transform(
    s3: S3Client,
    *,
    contract: Contract,
    manifest: Manifest,
    run_date: date,
    lineage: Lineage,
    processed_uri: str,
    quarantine_uri: str,
    limits: Limits,
    slices: int = 1,
    before_replacing: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Replace what lies at both places by what the manifest's objects make of it.

    Args:
        slices: How many files the warehouse loads at once.
        before_replacing: Called before anything is; what it raises keeps all as it is.

    Returns:
        The run's metrics, ready for JSON.

    Raises:
        TransformError: Memory or disk are too small.
        StorageError: S3 refuses access, or an object is gone.
    """
    with _explained(limits), scratch_folder() as folder:
        work = _Work(s3, contract, manifest, run_date, folder, limits)
        with closing(work):
            work.judge()
            with ThreadPoolExecutor(1, thread_name_prefix="rejected") as beside:
                # Python's work, while DuckDB does its own.
                kept_apart = beside.submit(work.keep_rejected)
                processed = work.write(lineage, slices)
                sampled = work.sample()
            kept_apart.result()
            rows = work.outcomes()
        before_replacing()
        quarantine = work.quarantine
        drift = make_diff(
            contract, records=rows["read"], rejected=quarantine.tally, sampled=sampled
        )
        return {
            "manifest_digest": manifest.digest,
            "rows": rows,
            "files": replace_files(s3, processed_uri, processed),
            "reasons": quarantine.reasons,
            "drift": drift.to_dict(),
            "quarantine_files": replace_files(s3, quarantine_uri, quarantine.files),
            "corrected": work.lines.corrected,
        }


@contextmanager
def _explained(limits: Limits) -> Iterator[None]:
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise TransformError(
            f"DuckDB needs more than the {limits.memory_mib} MiB that transform.memory_mib allows",
            fix="raise it, or run with --engine spark",
        ) from error
    except duckdb.IOException as error:
        raise TransformError(
            f"DuckDB cannot write to {tempfile.gettempdir()}: {error}",
            fix="make room there, let TMPDIR name a place with more, or run with --engine spark",
        ) from error


class _Work:
    """A database with the lines of one run, and its quarantine."""

    def __init__(
        self,
        s3: S3Client,
        contract: Contract,
        manifest: Manifest,
        run_date: date,
        folder: Path,
        limits: Limits,
    ) -> None:
        self._contract = contract
        self._manifest = manifest
        self._run_date = run_date
        self._folder = folder
        self._judge = Judge(contract, run_date)
        self._rejected: list[tuple[str, list[str], RawObject]] = []
        self._rejected_characters = 0
        self._written = 0
        self.quarantine = Quarantine(folder, contract, run_date)
        self.lines = Lines(
            s3,
            manifest.objects,
            is_gzip=contract.raw.compression == "gzip",
            corrections=read_corrections(s3, manifest.corrections),
        )
        config: dict[str, Any] = {
            "memory_limit": f"{limits.memory_mib}MiB",
            "temp_directory": str(folder / "spilled"),
            "autoinstall_known_extensions": False,
        }
        if limits.threads is not None:
            config["threads"] = limits.threads
        self._database = duckdb.connect(config=config)

    def close(self) -> None:
        """Give back memory and disk."""
        self._database.close()

    def judge(self) -> None:
        """Every line into the table of judged rows, or into the quarantine."""
        self._database.execute(create_table(self._contract))
        if not self._manifest.objects:
            return
        if not self._ask_duckdb():
            for batch in self.lines.read():
                columns = (each.to_pylist() for each in batch.columns)
                self._judge_in_python(zip(*columns, strict=True))
        unsure = self._database.cursor().execute(
            f'SELECT {LINE}, "$object" FROM {JUDGED} WHERE "$state" = {State.UNSURE:d}'
        )
        while asked := unsure.fetchmany(_ROWS_AT_ONCE):
            self._judge_in_python(asked)

    def _ask_duckdb(self) -> bool:
        """Whether DuckDB has judged what it is sure of; it keeps no row otherwise."""
        try:
            query = judge_lines(self._contract, self._run_date)
        except NotForSql:
            return False
        usual = judge_usual_lines(self._contract, self._run_date, self._accepted_sample())
        if usual is not None and self._is_answered(usual, self._lines_as_chunk()):
            return self._is_answered(query, self._unsure_as_chunk())
        return self._is_answered(query, self._lines_as_chunk())

    def _accepted_sample(self) -> list[str]:
        first = next(self.lines.read(_SAMPLED_BYTES), None)
        lines = [] if first is None else first.column(0).to_pylist()
        short = (line for line in lines if len(line) <= LONGEST_BYTES)
        return [line for line in short if not isinstance(self._judge(line), Rejected)]

    def _is_answered(self, query: str, chunk: AbstractContextManager[None]) -> bool:
        try:
            with chunk:
                self._database.execute(query)
        except REFUSALS:
            self._database.execute(f"DELETE FROM {JUDGED}")
            return False
        return True

    @contextmanager
    def _lines_as_chunk(self) -> Iterator[None]:
        name = CHUNK.strip('"')
        with self.lines.reader() as reader:
            self._database.register(name, reader)
            try:
                yield
            finally:
                self._database.unregister(name)

    @contextmanager
    def _unsure_as_chunk(self) -> Iterator[None]:
        """Takes the unsure lines out of the table of judged rows."""
        unsure = f'FROM {JUDGED} WHERE "$state" = {State.UNSURE:d}'
        self._database.execute(f'CREATE TEMP TABLE {CHUNK} AS SELECT {LINE}, "$object" {unsure}')
        self._database.execute(f"DELETE {unsure}")
        try:
            yield
        finally:
            self._database.execute(f"DROP TABLE {CHUNK}")

    def _judge_in_python(self, asked: Iterable[tuple[str, int]]) -> None:
        good: list[dict[str, Any]] = []
        for line, number in asked:
            match self._judge(line):
                case Accepted(row):
                    good.append({"$line": line, "$object": number, "$state": State.GOOD, **row})
                case Filtered():
                    good.append({"$line": line, "$object": number, "$state": State.FILTERED})
                case Rejected(reasons):
                    self._reject(line, reasons, self._manifest.objects[number])
        if good:
            table = pa.Table.from_pylist(good, schema=_judged_schema(self._contract))
            self._database.register("$good", table)
            self._database.execute(f'INSERT INTO {JUDGED} SELECT * FROM "$good"')
            self._database.unregister("$good")

    def _reject(self, line: str, reasons: list[str], raw: RawObject) -> None:
        self._rejected.append((line, reasons, raw))
        self._rejected_characters += len(line)
        if self._rejected_characters >= _REJECTED_CHARACTERS:
            self._add_rejected()

    def _add_rejected(self) -> None:
        for line, reasons, raw in self._rejected:
            self.quarantine.add(line, reasons, raw)
        self._rejected.clear()
        self._rejected_characters = 0

    def keep_rejected(self) -> None:
        """Write what waits for the quarantine, and end it; the database is not used."""
        self._add_rejected()
        self.quarantine.close()

    def write(self, lineage: Lineage, slices: int) -> dict[str, Path]:
        """The processed files by their keys below the prefix."""
        files, self._written = write_processed(
            self._database,
            self._contract,
            objects=self._manifest.objects,
            lineage=lineage,
            folder=self._folder / "processed",
            name=self._manifest.digest[:16],
            shares=file_count(self._contract, raw_bytes=self._manifest.bytes, slices=slices),
        )
        return files

    def outcomes(self) -> dict[str, int]:
        """How many rows there are of each outcome, once all are written."""
        counts = dict(
            self._database.execute(
                f'SELECT "$state", count(*) FROM {JUDGED} GROUP BY "$state"'
            ).fetchall()
        )
        good, filtered = counts.get(State.GOOD, 0), counts.get(State.FILTERED, 0)
        found = {
            "read": good + filtered + self.quarantine.rows,
            "valid": self._written,
            "quarantined": self.quarantine.rows,
            "filtered": filtered,
            "deduplicated": good - self._written,
        }
        return {each: found[each] for each in OUTCOMES}

    def sample(self) -> Tally:
        """What some of the lines look like that were not rejected."""
        size = lines_bytes(self._contract, self._manifest.bytes)
        step = sample_step(rows=self._manifest.rows, lines_bytes=size)
        # By the key alone: to read a day's lines again takes longer than to look at the sample.
        key = ", ".join(map(identifier, self._contract.primary_key))
        chosen = self._database.execute(
            f'SELECT {LINE} FROM {JUDGED} WHERE "$state" <> {State.UNSURE:d}'
            f" AND strlen({LINE}) <= {LONGEST_BYTES} AND hash({key}) % {step} = 0"
        )
        lines = (line for (line,) in iter(chosen.fetchone, None))
        return tally_looks(map(Looker(self._contract), lines))


def _judged_schema(contract: Contract) -> pa.Schema:
    ours = [("$line", pa.string()), ("$object", pa.int32()), ("$state", pa.int8())]
    return pa.schema(ours + [(each.name, arrow_type(each.type)) for each in contract.data_columns])
