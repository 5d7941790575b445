"""Run a query, wait for it, fetch its rows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from aws.athena.parameters import Value, bind
from aws.athena.results import QueryResult, ResultColumn, parse_row

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient

_WAITING = ("QUEUED", "RUNNING")
_POLL_GROWTH = 1.5
_LONGEST_POLL_SECONDS = 2.0


class QueryFailedError(RuntimeError):
    """The query ended as FAILED or CANCELLED.

    Attributes:
        reason: Athena's words.
        retryable: Whether Athena says that the same query may succeed later.
    """

    def __init__(self, query_execution_id: str, state: str, reason: str, retryable: bool = False):
        super().__init__(query_execution_id, state, reason, retryable)
        self.query_execution_id = query_execution_id
        self.state = state
        self.reason = reason
        self.retryable = retryable

    def __str__(self) -> str:
        return f"query {self.query_execution_id} {self.state}: {self.reason}"


class QueryTimeoutError(TimeoutError):
    """The query was still going at the deadline and has been stopped."""


def run_query(
    client: AthenaClient,
    *,
    sql: str,
    workgroup: str,
    parameters: Mapping[str, Value] | None = None,
    database: str | None = None,
    output_location: str | None = None,
    poll_seconds: float = 0.1,
    timeout_seconds: float = 600,
) -> QueryResult:
    """Run one statement and return its rows, all in memory: for results of a few thousand rows.

    Args:
        sql: With parameters as `:name`.
        parameters: A value for each of them.
        output_location: An s3:// prefix for results; None where the workgroup sets it.
        poll_seconds: The first wait between looks at the query; later ones grow to 2 s.
        timeout_seconds: After that the query is stopped.

    Raises:
        ValueError: Parameters and values do not match.
        QueryFailedError: Athena could not run it, or somebody cancelled it.
        QueryTimeoutError: It took too long.
        ClientError: Athena did not accept it.
    """
    text, literals = bind(sql, parameters or {})
    request: dict[str, Any] = {"QueryString": text, "WorkGroup": workgroup}
    if literals:
        request["ExecutionParameters"] = literals
    if database:
        request["QueryExecutionContext"] = {"Database": database}
    if output_location:
        request["ResultConfiguration"] = {"OutputLocation": output_location}
    query_id = client.start_query_execution(**request)["QueryExecutionId"]
    try:
        execution = _wait(client, query_id, poll_seconds, timeout_seconds)
    except QueryFailedError:
        raise
    except BaseException:
        # Nobody is left to want its result. Stopping is a courtesy: the first error counts.
        with suppress(BotoCoreError, ClientError):
            client.stop_query_execution(QueryExecutionId=query_id)
        raise
    return _fetch(client, query_id, execution)


def _wait(client: AthenaClient, query_id: str, poll_seconds: float, timeout_seconds: float) -> Any:
    """The execution once it has SUCCEEDED."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        execution = client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        status = execution["Status"]
        state = status["State"]
        if state == "SUCCEEDED":
            return execution
        if state not in _WAITING:  # FAILED or CANCELLED
            error = status.get("AthenaError", {})
            reason = status.get("StateChangeReason") or error.get("ErrorMessage", "no reason given")
            raise QueryFailedError(query_id, state, reason, error.get("Retryable", False))
        if time.monotonic() >= deadline:
            raise QueryTimeoutError(f"query {query_id} still {state} after {timeout_seconds:g} s")
        time.sleep(poll_seconds)
        poll_seconds = min(poll_seconds * _POLL_GROWTH, _LONGEST_POLL_SECONDS)


def _fetch(client: AthenaClient, query_id: str, execution: Any) -> QueryResult:
    columns: tuple[ResultColumn, ...] = ()
    texts: list[list[str | None]] = []
    for page in client.get_paginator("get_query_results").paginate(QueryExecutionId=query_id):
        result = page["ResultSet"]
        columns = columns or tuple(
            ResultColumn(
                name=column["Name"],
                type=column["Type"],
                precision=column.get("Precision", 0),
                scale=column.get("Scale", 0),
            )
            for column in result.get("ResultSetMetadata", {}).get("ColumnInfo", [])
        )
        texts += [[each.get("VarCharValue") for each in row["Data"]] for row in result["Rows"]]
    # The first row of a SELECT is its header; DDL such as SHOW has none.
    if execution.get("StatementType") == "DML" and texts[:1] == [[each.name for each in columns]]:
        del texts[0]
    statistics = execution.get("Statistics", {})
    return QueryResult(
        query_execution_id=query_id,
        columns=columns,
        rows=tuple(parse_row(columns, row) for row in texts) if columns else (),
        bytes_scanned=statistics.get("DataScannedInBytes", 0),
        engine_seconds=statistics.get("EngineExecutionTimeInMillis", 0) / 1000,
    )
