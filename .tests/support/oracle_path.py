"""Days through the real path, source → raw → engine → validator → warehouse, and what is there.

Spark reads and writes this machine's files, which are carried from and to the embedded cloud's S3;
all else is the pipeline's own code.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import boto3
import psycopg2
import pytest
from support.oracle_days import Step, file_bytes
from support.oracle_documents import write_contract
from support.oracle_found import as_found
from support.oracle_specification import Specification, sent_by

from etl.contracts import load_contract
from etl.duckdb import transform as duckdb
from etl.keys import parse_s3_uri, processed_uri, quarantine_uri
from etl.manifest import Manifest
from etl.run import Run
from etl.settings import Settings
from etl.sources.open import open_source
from etl.staging import stage_raw
from etl.transforming import Lineage
from etl.validation.function import validate_processed
from etl.warehouse.executor import Executor
from etl.warehouse.load import load

# "small spark" leaves every line to the judge, as Spark does where there are few.
Engine = Literal["duckdb", "spark", "small spark"]
ENGINES: tuple[Engine, ...] = ("duckdb", "spark", "small spark")

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Route:
    """One dataset, from its contract's file to its table.

    Args:
        folder: For its contract and its files.
    """

    def __init__(
        self,
        specification: Specification,
        *,
        dataset: str,
        schema: str,
        folder: Path,
        settings: Settings,
        spark: SparkSession,
    ) -> None:
        self.specification = specification
        self._source = folder / "source"
        self._work = folder / "spark"
        self._source.mkdir(parents=True)
        self._work.mkdir()
        write_contract(specification, folder, dataset=dataset, schema=schema, source=self._source)
        self._contract = load_contract(dataset, settings=settings, folder=folder)
        self._settings = settings
        self._spark = spark
        self._table = f'"{schema}"."{dataset}"'
        self._s3: Any = self._run(date(2026, 1, 1)).client("s3")
        # The job has rights that the flow has not: what Spark reads and writes goes by another key.
        self._glue_s3: Any = boto3.client("s3")

    def run(self, step: Step, executor: Executor, *, engine: Engine) -> dict[str, int]:
        """Run a date with these files; where its records went."""
        self._write_source(step)
        run = self._run(step.run_date)
        run.write(run.contract_uri, self._contract.to_json())
        manifest = stage_raw(
            open_source(self._contract, run.source_context()),
            s3=self._s3,
            contract=self._contract,
            run_date=step.run_date,
            run_id=run.run_id,
            contract_uri=run.contract_uri,
            settings=self._settings.staging,
        )
        assert manifest.rows == len(step.records), (step.run_date, manifest)
        metrics = self._transform(run, manifest, engine)
        run.write(run.uri("metrics.json"), json.dumps(metrics))
        verdict = validate_processed(
            self._s3,
            contract_uri=run.contract_uri,
            metrics_uri=run.uri("metrics.json"),
            run_date=step.run_date,
        )
        assert verdict.passed, verdict
        load(
            s3=self._s3,
            contract=self._contract,
            run_date=step.run_date,
            run_id=run.run_id,
            metrics=metrics,
            rows=verdict.rows,
            settings=self._settings,
            executor=executor,
        )
        return dict(metrics["rows"])

    def quarantine(self, run_date: date) -> Counter[tuple[Any, str]]:
        """What lies there: what was sent, with what the first reason is about."""
        found: Counter[tuple[Any, str]] = Counter()
        bucket, prefix = parse_s3_uri(quarantine_uri(self._contract, run_date))
        for each in self._glue_s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
            body = self._glue_s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
            for line in gzip.decompress(body).splitlines():
                document = json.loads(line)
                label = document["reasons"].partition(":")[0]
                if label.startswith("rule ") and label[5:] not in self.specification.rules:
                    label = "rule"  # of a column's options
                found[sent_by(document["payload"]), label] += 1
        return found

    def table(self) -> Counter[tuple[Any, ...]]:
        """The warehouse's rows, the run date last."""
        columns = self.specification.stored
        names = [
            f'JSON_SERIALIZE("{each.name}")' if each.type == "SUPER" else f'"{each.name}"'
            for each in columns
        ]
        with closing(psycopg2.connect("")) as connection, connection.cursor() as cursor:
            cursor.execute("SET extra_float_digits TO 3")
            cursor.execute(f"SELECT {', '.join(names)}, ingest_date FROM {self._table}")
            rows = cursor.fetchall()
        return Counter(
            (
                *(
                    as_found(column.type, column.items, value)
                    for column, value in zip(columns, row, strict=False)
                ),
                row[-1],
            )
            for row in rows
        )

    def _run(self, run_date: date) -> Run:
        return Run(
            run_id=f"oracle-{run_date}",
            run_date=run_date,
            contract=self._contract,
            settings=self._settings,
        )

    def _write_source(self, step: Step) -> None:
        for path in self._source.glob(f"{step.run_date}*"):
            path.unlink()
        for at, records in enumerate(step.files):
            path = self._source / f"{step.run_date}-{at}.{self.specification.format}"
            path.write_bytes(file_bytes(self.specification, records))

    def _transform(self, run: Run, manifest: Manifest, engine: Engine) -> dict[str, Any]:
        if engine == "duckdb":
            return duckdb.transform(
                self._s3,
                contract=self._contract,
                manifest=manifest,
                run_date=run.run_date,
                lineage=Lineage(run_id=run.run_id, ingested_at=datetime.now(UTC)),
                processed_uri=processed_uri(self._contract, run.run_date),
                quarantine_uri=quarantine_uri(self._contract, run.run_date),
                limits=duckdb.Limits(memory_mib=512),
            )
        return self._transform_in_spark(run, manifest, is_large=engine == "spark")

    def _transform_in_spark(
        self, run: Run, manifest: Manifest, *, is_large: bool
    ) -> dict[str, Any]:
        from etl.spark.transform import transform

        places = {
            self._here(uri): uri
            for uri in (
                processed_uri(self._contract, run.run_date),
                quarantine_uri(self._contract, run.run_date),
            )
        }
        processed, quarantine = places
        with _forced(is_large):
            metrics = transform(
                self._spark,
                contract=self._contract,
                manifest=self._fetched(manifest),
                run_date=run.run_date,
                lineage=Lineage(run_id=run.run_id, ingested_at=datetime.now(UTC)),
                processed_uri=processed,
                quarantine_uri=quarantine,
            )
        for here, there in places.items():
            self._replace(here, there)
        files = [
            each | {"uri": each["uri"].replace(processed, places[processed])}
            for each in metrics["files"]
        ]
        return metrics | {"files": files, "manifest_digest": manifest.digest}

    def _here(self, uri: str) -> str:
        bucket, key = parse_s3_uri(uri)
        return f"file://{self._work}/{bucket}/{key}"

    def _fetched(self, manifest: Manifest) -> Manifest:
        for raw in manifest.objects:
            bucket, key = parse_s3_uri(raw.uri)
            path = self._work / bucket / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._glue_s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        objects = tuple(replace(each, uri=self._here(each.uri)) for each in manifest.objects)
        return replace(manifest, objects=objects)

    def _replace(self, here: str, there: str) -> None:
        """Make an S3 prefix hold what Spark has written of it here."""
        bucket, prefix = parse_s3_uri(there)
        folder = Path(here.removeprefix("file://"))
        wanted = {
            prefix + path.name: path
            for path in folder.glob("*")
            if path.is_file() and path.name[0] not in "._"
        }
        listed: Mapping[str, Any] = self._glue_s3.list_objects_v2(Bucket=bucket, Prefix=prefix)
        for each in listed.get("Contents", []):
            if each["Key"] not in wanted:
                self._glue_s3.delete_object(Bucket=bucket, Key=each["Key"])
        for key, path in wanted.items():
            self._glue_s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())


@contextmanager
def _forced(is_large: bool) -> Iterator[None]:
    """Have Spark take a run for a large one, or for a small one."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("etl.spark.transform._SMALL_RUN_ROWS", 0 if is_large else 10**9)
        yield
