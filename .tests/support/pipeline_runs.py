"""Runs of flows/full_pipeline.py, in this process or one of their own, and what they leave."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import importlib
import io
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psycopg2
import pytest

from etl import flow_arguments, pipeline
from etl.batch import execution
from etl.contracts import CONTRACTS_FOLDER, load_contract
from etl.settings import load_settings
from etl.warehouse.table_hash import table_hash_sql

Environ = Mapping[str, str | None]
ROOT = Path(__file__).resolve().parents[2]
# What a report says of rows where a contract leaves none out and raw holds all.
NONE_ELSEWHERE = {"filtered": 0, "rejected": 0}
COMMAND = (sys.executable, str(ROOT / "flows" / "full_pipeline.py"))
HEAVY_BATCH = ROOT / "flows" / "heavy_batch.py"
BACKFILL = (sys.executable, str(ROOT / "flows" / "backfill.py"))
# What lies in the artifacts bucket whether a run ends well or not: code, compiled contracts (by
# their fingerprint), the results of anybody's queries.
_SHARED = ("athena-results/", "code/", "contracts/")
_ARGUMENTS = {
    "full_pipeline": flow_arguments.pipeline_arguments,
    "backfill": flow_arguments.backfill_arguments,
    "heavy_batch": flow_arguments.batch_arguments,
}
_LEASE = "/lease.json"  # which run had a date last


@dataclass(frozen=True)
class Outcome:
    """How a command line ended."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """What `--json` prints, with nothing else on standard output."""
        assert self.code == 0, self.err
        report: dict[str, Any] = json.loads(self.out)
        return report

    def fails(self, *words: str, code: int = 1) -> None:
        """Assert the exit code and words of the message, and that it is a short message."""
        assert self.code == code, self.err
        for word in words:
            assert word in self.err, self.err
        assert "\nTraceback" not in f"\n{self.err}"  # a Lambda's log may hold its own, indented
        assert len(self.err.splitlines()) < 30, self.err
        assert self.out == ""


@dataclass(frozen=True)
class Bench:
    """Runs the pipeline into tables of its own on the session's embedded cloud.

    Attributes:
        schema: The warehouse's schema; the catalogue's database has the same name.
        api_url: A Prefect server for processes of their own.
    """

    client: Callable[[str], Any]
    schema: str
    api_url: str

    @property
    def environ(self) -> dict[str, str]:
        """The variables that lead a run to this bench's tables."""
        return {"ETL_WAREHOUSE__SCHEMA_NAME": self.schema, "ETL_GLUE__DATABASE": self.schema}

    def run(
        self,
        run_date: str,
        *options: str,
        environ: Environ = MappingProxyType({}),
        contracts: Path | None = None,
    ) -> Outcome:
        """The command line's main function, in this process.

        Args:
            environ: Variables to set, or with None to remove.
            contracts: A folder to read contracts from instead of config/contracts/.
        """
        with pytest.MonkeyPatch.context() as patch:
            if contracts:
                patch.setattr(pipeline, "load_contract", partial(load_contract, folder=contracts))
            return self._main(COMMAND[1], "--run-date", run_date, *options, environ=environ)

    def backfill(self, first: str, last: str, *options: str, environ: Environ) -> Outcome:
        """The backfill's main function, in this process; two dates at a time."""
        arguments = ("--from", first, "--to", last, "--max-parallel", "2", *options)
        return self._main(BACKFILL[1], *arguments, environ=environ)

    def heavy_batch(
        self,
        run_date: str,
        datasets: str,
        *options: str,
        environ: Environ = MappingProxyType({}),
        contracts: Path | None = None,
    ) -> Outcome:
        """The main function of the state machine's command line, in this process."""
        arguments = ("--run-date", run_date, "--datasets", datasets, *options)
        with pytest.MonkeyPatch.context() as patch:
            if contracts:
                load = partial(load_contract, folder=contracts)
                patch.setattr(execution, "load_contract", load)
            return self._main(str(HEAVY_BATCH), *arguments, environ=environ)

    def _main(self, script: str, *arguments: str, environ: Environ) -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, _kept_process():
            patch.setattr(sys, "argv", [script, *arguments])
            for name, value in {**self.environ, **environ}.items():
                patch.delenv(name, False) if value is None else patch.setenv(name, value)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = _main(Path(script).stem)
        return Outcome(code, out.getvalue(), err.getvalue())

    def run_json(self, run_date: str, *options: str, **arguments: Any) -> dict[str, Any]:
        """The report of a run that ends well."""
        return self.run(run_date, "--json", *options, **arguments).report

    def start_command(
        self, run_date: str, *options: str, environ: Mapping[str, str]
    ) -> subprocess.Popen[str]:
        """The real command line, in a process group of its own as a shell starts it."""
        return self._start(*COMMAND, "--run-date", run_date, *options, environ=environ)

    def start_backfill(
        self, first: str, last: str, *options: str, environ: Mapping[str, str]
    ) -> subprocess.Popen[str]:
        """The backfill's real command line."""
        return self._start(*BACKFILL, "--from", first, "--to", last, *options, environ=environ)

    def _start(self, *command: str, environ: Mapping[str, str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            env={**os.environ, **self.environ, "PREFECT_API_URL": self.api_url, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run_command(self, run_date: str, *options: str, environ: Mapping[str, str]) -> Outcome:
        """The real command line, to its end."""
        process = self.start_command(run_date, *options, environ=environ)
        out, err = process.communicate(timeout=400)
        return Outcome(process.returncode, out, err)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """What the warehouse answers; {s} is the bench's schema."""
        connection = psycopg2.connect("")  # PGHOST … are the session's
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql.format(s=f'"{self.schema}"'))
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def table(self, name: str = "orders") -> list[tuple[Any, ...]]:
        """A table's rows in some fixed order, or none if it does not exist."""
        try:
            return sorted(self.query(f"SELECT * FROM {{s}}.{name}"), key=repr)
        except psycopg2.errors.UndefinedTable:
            return []

    def table_hash(self, dataset: str = "orders", *, contracts: Path = CONTRACTS_FOLDER) -> str:
        """One number for the whole content of a dataset's table.

        Args:
            contracts: The folder that its contract is read from.
        """
        contract = load_contract(dataset, settings=load_settings("local"), folder=contracts)
        places = dataclasses.replace(contract.places, schema=self.schema)
        ((found,),) = self.query(table_hash_sql(dataclasses.replace(contract, places=places)))
        return str(found)

    def keys(self, uri: str) -> list[str]:
        """The keys under an s3:// prefix."""
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        return [each["Key"] for each in self._objects(bucket, prefix)]

    def read(self, uri: str) -> bytes:
        """An object's bytes."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        body: bytes = self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def read_lines(self, prefix_uri: str) -> list[str]:
        """The lines of the gzip files under a prefix."""
        bucket = prefix_uri.split("/")[2]
        files = [key for key in self.keys(prefix_uri) if key.endswith(".gz")]
        texts = [gzip.decompress(self.read(f"s3://{bucket}/{key}")).decode() for key in files]
        return [line for text in texts for line in text.split("\n") if line]

    def put(self, uri: str, body: bytes) -> None:
        """Write an object."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=body)

    def state(self) -> dict[str, Any]:
        """Everything that a run may leave: objects, unfinished uploads, the bench's rows."""
        found: dict[str, Any] = {
            name: self.table(name) for name in ("orders", "orders__ledger", "orders__superseded")
        }
        for bucket in load_settings("local").buckets.names.values():
            for each in self._objects(bucket, ""):
                if not each["Key"].startswith(_SHARED) and not each["Key"].endswith(_LEASE):
                    found[f"s3://{bucket}/{each['Key']}"] = each["ETag"], each["LastModified"]
            uploads = self.client("s3").list_multipart_uploads(Bucket=bucket)
            found[f"unfinished in {bucket}"] = len(uploads.get("Uploads", []))
        return found

    def job_runs(self, job_name: str, run_date: str) -> list[dict[str, Any]]:
        """The Glue job's runs of a date."""
        pages = self.client("glue").get_paginator("get_job_runs").paginate(JobName=job_name)
        runs = [run for page in pages for run in page["JobRuns"]]
        return [run for run in runs if run["Arguments"].get("--run_date") == run_date]

    def _objects(self, bucket: str, prefix: str) -> Iterator[Mapping[str, Any]]:
        pages = self.client("s3").get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket, Prefix=prefix):
            yield from page.get("Contents", [])


def rows_url(rows: int) -> dict[str, str]:
    """The variable that makes the demo shop's days so many orders long."""
    return {"ETL_PLACES__SHOP_API_URL": _source(f"shop/rows/{rows}")}


def fault_url(kind: str) -> dict[str, str]:
    """The variable that makes the shop misbehave in one way."""
    return {"ETL_PLACES__SHOP_API_URL": _source(f"faults/{kind}")}


def _source(path: str) -> str:
    return f"{os.environ['AWS_ENDPOINT_URL']}/_source/{path}"


def _main(module: str) -> int:
    flow = importlib.import_module(module)  # once the harness stands: it imports Prefect
    try:
        return int(flow.main(_ARGUMENTS[module]()))
    except SystemExit as end:
        return int(str(end.code))


@contextlib.contextmanager
def _kept_process() -> Iterator[None]:
    """Leave this process's variables, handlers and loggers as they were."""
    logger = logging.getLogger("etl")
    before = (list(logger.handlers), logger.propagate, logger.level)
    environ, handler = os.environ.copy(), signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        logger.handlers[:], logger.propagate, logger.level = before
        signal.signal(signal.SIGTERM, handler)
        os.environ.clear()
        os.environ.update(environ)
