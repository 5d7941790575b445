"""The record of a query execution: plain data that outlives the process that ran it."""

from __future__ import annotations

import time
from typing import Any

from moto.athena.models import Execution, WorkGroup

ACTIVE_STATES = ("QUEUED", "RUNNING")
CLOUD_STOPPED = "The embedded cloud was stopped while this query ran."

# The executions that a thread of this process looks after. What is active in the data and missing
# here was left behind by a process that is gone.
_looked_after: set[str] = set()


class QueryExecution(Execution):
    """One execution of one statement."""

    def __init__(
        self,
        query: str,
        *,
        statement_type: str,
        context: dict[str, Any],
        output: str,
        workgroup: WorkGroup,
        parameters: list[str] | None,
    ) -> None:
        super().__init__(query, "", {}, workgroup, parameters)
        self.query_context = context
        self.statement_type = statement_type
        suffix = "txt" if statement_type == "DDL" else "csv"
        self.output_folder = output
        self.config = {"OutputLocation": f"{output}{self.id}.{suffix}"}
        self.end_time = 0.0
        self.running_since = 0.0
        self.reason = ""
        self.scanned_bytes = 0
        self.columns: list[dict[str, Any]] = []
        self.has_header = False
        self.update_count: int | None = None
        self.manifest: str | None = None
        _looked_after.add(self.id)

    @property
    def status(self) -> str:
        """The state, true to what happened: never advanced by being looked at."""
        if self._status in ACTIVE_STATES and self.id not in _looked_after:
            self.end("FAILED", CLOUD_STOPPED)
            self.end_time = self.start_time
        return str(self._status)

    @status.setter
    def status(self, value: str) -> None:
        self._status = value

    def run(self) -> None:
        """A thread begins with it."""
        self.running_since = time.time()
        self.status = "RUNNING"

    def end(self, state: str, reason: str = "") -> None:
        """Nothing of it is going any more."""
        self.reason = reason
        self.end_time = time.time()
        self.status = state
        _looked_after.discard(self.id)

    def as_dict(self) -> dict[str, Any]:
        """The execution as GetQueryExecution answers it."""
        state = self.status
        status = {"State": state, "SubmissionDateTime": self.start_time}
        if state not in ACTIVE_STATES:
            status["CompletionDateTime"] = self.end_time
        if self.reason:
            status["StateChangeReason"] = self.reason
        if state == "FAILED":
            status["AthenaError"] = {
                "ErrorCategory": 2,
                "ErrorType": 1000,
                "Retryable": False,
                "ErrorMessage": self.reason,
            }
        answer = {
            "QueryExecutionId": self.id,
            "Query": self.query,
            "StatementType": self.statement_type,
            "ResultConfiguration": self.config,
            "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
            "QueryExecutionContext": self.query_context,
            "Status": status,
            "Statistics": self._statistics(),
            "WorkGroup": self.workgroup.name if self.workgroup else "primary",
            "EngineVersion": {
                "SelectedEngineVersion": "AUTO",
                "EffectiveEngineVersion": "Athena engine version 3",
            },
        }
        if self.execution_parameters:
            answer["ExecutionParameters"] = self.execution_parameters
        return answer

    def _statistics(self) -> dict[str, Any]:
        end = self.end_time or time.time()
        queued_ms = int(((self.running_since or end) - self.start_time) * 1000)
        engine_ms = int((end - (self.running_since or end)) * 1000)
        statistics = {
            "EngineExecutionTimeInMillis": engine_ms,
            "DataScannedInBytes": self.scanned_bytes,
            "TotalExecutionTimeInMillis": queued_ms + engine_ms,
            "QueryQueueTimeInMillis": queued_ms,
            "ServiceProcessingTimeInMillis": 0,
            "ResultReuseInformation": {"ReusedPreviousResult": False},
        }
        return statistics | ({"DataManifestLocation": self.manifest} if self.manifest else {})
