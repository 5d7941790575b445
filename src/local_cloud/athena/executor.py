"""Runs query executions, each in a thread of its own with a DuckDB of its own."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
from botocore.exceptions import ClientError
from sqlglot import exp

from local_cloud.athena.access import Access
from local_cloud.athena.catalog import Catalog
from local_cloud.athena.ddl import Ddl
from local_cloud.athena.errors import InvalidRequestError, QueryFailure
from local_cloud.athena.execution import CLOUD_STOPPED, QueryExecution
from local_cloud.athena.partitions import split_uri
from local_cloud.athena.queries import Query
from local_cloud.athena.results import Result, Row, csv_line, each_row, write_rows
from local_cloud.context import Cloud

_PARALLEL = 20  # Athena's quota of active DML queries is in this order


class Executor:
    """All query executions of one embedded cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._home = cloud.home / "athena"
        self._slots = threading.Semaphore(_PARALLEL)
        self._queries: dict[str, Query] = {}
        self._cancelled: set[str] = set()
        self._cloud_stops = False
        shutil.rmtree(self._home / "tmp", ignore_errors=True)
        cloud.on_stop(self._stop_all)

    def access(self) -> Access:
        """What the request that this thread answers may reach."""
        return Access.of_request(self._cloud)

    def start(self, execution: QueryExecution, tree: exp.Expr, access: Access) -> None:
        """Begin an execution and return."""
        arguments = execution, tree, access
        threading.Thread(
            target=self._carry_out, args=arguments, name=execution.id, daemon=True
        ).start()

    def cancel(self, execution: QueryExecution) -> None:
        """End an execution; without effect on one that has ended."""
        self._cancelled.add(execution.id)
        if query := self._queries.get(execution.id):
            query.connection.interrupt()

    def rows_file(self, execution_id: str) -> Path:
        """Where an execution's rows are kept for GetQueryResults."""
        return self._home / "results" / f"{execution_id}.jsonl"

    def _carry_out(self, execution: QueryExecution, tree: exp.Expr, access: Access) -> None:
        try:
            with self._slots:
                execution.run()
                self._execute(execution, tree, access)
            state, reason = "SUCCEEDED", ""
        except (QueryFailure, InvalidRequestError) as error:
            state, reason = "FAILED", getattr(error, "message", "") or str(error)
        except duckdb.InterruptException:
            state, reason = "FAILED", CLOUD_STOPPED
        except ClientError as error:
            state, reason = "FAILED", _denial(error, execution) or (
                f"{error} (output location: {execution.output_folder})"
            )
        except Exception as error:  # whatever it is, the execution must not stay RUNNING
            state, reason = "FAILED", f"GENERIC_INTERNAL_ERROR: {error!r}"
        if execution.id in self._cancelled and state == "FAILED":
            state, reason = "CANCELLED", "Query cancelled by user"
        self._cancelled.discard(execution.id)
        self._queries.pop(execution.id, None)
        execution.end(state, reason)
        if not self._cloud_stops:
            self._cloud.save("athena")

    def _execute(self, execution: QueryExecution, tree: exp.Expr, access: Access) -> None:
        catalog = Catalog(access.client("glue"))
        database = str(execution.query_context.get("Database") or "default").lower()
        if execution.statement_type == "DDL" and not isinstance(tree.find(exp.Query), exp.Query):
            ddl = Ddl(self._cloud, catalog, database, access)
            self._keep(execution, ddl.run(execution.query, tree), access)
            return
        query = Query(
            id=execution.id,
            cloud=self._cloud,
            catalog=catalog,
            access=access,
            database=database,
            folder=self._home / "tmp" / execution.id,
            output=execution.output_folder,
        )
        self._queries[execution.id] = query
        try:
            if execution.id in self._cancelled:
                raise duckdb.InterruptException("cancelled before it started")
            result = query.run(tree, execution.execution_parameters or [])
            self._keep(execution, result, access)
        finally:
            execution.scanned_bytes = query.scanned_bytes
            query.connection.close()
            shutil.rmtree(query.folder, ignore_errors=True)

    def _keep(self, execution: QueryExecution, result: Result, access: Access) -> None:
        """Put the result where Athena puts it, and where GetQueryResults reads it."""
        execution.columns = result.columns
        execution.has_header = result.is_query
        execution.update_count = result.update_count
        rows = self.rows_file(execution.id)
        rows.parent.mkdir(parents=True, exist_ok=True)
        write_rows(result.rows, rows)
        s3 = access.client("s3")
        bucket, key = split_uri(execution.config["OutputLocation"])
        if result.manifest is not None:
            manifest_key = f"{key.removesuffix('.csv')}-manifest.csv"
            s3.put_object(Bucket=bucket, Key=manifest_key, Body="\n".join(result.manifest).encode())
            execution.manifest = f"s3://{bucket}/{manifest_key}"
            return
        file = rows.with_suffix(".out")
        with file.open("w") as output:
            output.writelines(_lines(result, each_row(rows)))
        s3.upload_file(str(file), bucket, key)
        file.unlink()
        metadata = json.dumps({"ColumnInfo": result.columns}).encode()
        s3.put_object(Bucket=bucket, Key=f"{key}.metadata", Body=metadata)

    def _stop_all(self) -> None:
        self._cloud_stops = True
        for query in list(self._queries.values()):
            query.connection.interrupt()


def _denial(error: ClientError, execution: QueryExecution) -> str | None:
    """What a query says of its caller who may not; None if it is something else."""
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    if code == "AccessDenied":
        location = execution.config["OutputLocation"]
        return (
            f"Access denied when writing output to url: {location} . Please ensure you are allowed"
            f" to access the S3 bucket. {message}"
        )
    if code == "AccessDeniedException":
        return f"Insufficient permissions to execute the query. {message}"
    return None


def _lines(result: Result, rows: Iterator[Row]) -> Iterator[str]:
    if not result.is_query:
        yield from ("\t".join(value or "" for value in row) + "\n" for row in rows)
        return
    yield csv_line([column["Name"] for column in result.columns])
    yield from map(csv_line, rows)
