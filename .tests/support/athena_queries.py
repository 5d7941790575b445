"""Queries of the embedded Athena, for tests."""

from __future__ import annotations

import io
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Row = list[str | None]


@dataclass(frozen=True)
class AthenaQueries:
    """Runs statements in one database whose data and results lie in one bucket."""

    athena: Any
    glue: Any
    s3: Any
    bucket: str
    database: str

    def start(self, sql: str, *parameters: str) -> str:
        """Start a statement."""
        request: dict[str, Any] = {
            "QueryString": sql,
            "QueryExecutionContext": {"Database": self.database},
            "ResultConfiguration": {"OutputLocation": f"s3://{self.bucket}/results/"},
        }
        if parameters:
            request["ExecutionParameters"] = list(parameters)
        return str(self.athena.start_query_execution(**request)["QueryExecutionId"])

    def finish(self, sql: str, *parameters: str, seconds: float = 30) -> dict[str, Any]:
        """Run a statement; its execution at the end, whichever that is."""
        query_id = self.start(sql, *parameters)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer = self.athena.get_query_execution(QueryExecutionId=query_id)
            execution: dict[str, Any] = answer["QueryExecution"]
            if execution["Status"]["State"] in ("SUCCEEDED", "FAILED", "CANCELLED"):
                return execution
            time.sleep(0.02)
        raise AssertionError(f"still {execution['Status']['State']}: {sql}")

    def failure(self, sql: str, *parameters: str) -> str:
        """Run a statement that fails; why it did."""
        status = self.finish(sql, *parameters)["Status"]
        assert status["State"] == "FAILED", status
        return str(status["StateChangeReason"])

    def rows(self, sql: str, *parameters: str) -> list[Row]:
        """Run a statement; its rows, without a query's header."""
        execution = self.finish(sql, *parameters)
        assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
        found = list(self.pages(execution["QueryExecutionId"]))
        is_query = execution["ResultConfiguration"]["OutputLocation"].endswith(".csv")
        return found[1:] if is_query else found

    def pages(self, query_id: str) -> Iterable[Row]:
        """All rows of an execution as GetQueryResults pages them."""
        pages = self.athena.get_paginator("get_query_results").paginate(QueryExecutionId=query_id)
        for page in pages:
            for row in page["ResultSet"]["Rows"]:
                yield [value.get("VarCharValue") for value in row["Data"]]

    def put(self, key: str, body: bytes | str) -> None:
        """Write an object."""
        content = body.encode() if isinstance(body, str) else body
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)

    def put_parquet(self, key: str, table: pa.Table) -> None:
        """Write a Parquet object."""
        file = io.BytesIO()
        pq.write_table(table, file)
        self.put(key, file.getvalue())

    def keys(self, prefix: str) -> list[str]:
        """The keys under a prefix."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]
