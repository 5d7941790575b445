"""Athena's API with queries that run: the seams of moto's Athena backend."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from moto.athena import urls
from moto.athena.models import AthenaBackend
from moto.athena.responses import AthenaResponse
from sqlglot import exp

from local_cloud.athena.dialect import parse
from local_cloud.athena.errors import InvalidRequestError
from local_cloud.athena.execution import ACTIVE_STATES, QueryExecution
from local_cloud.athena.executor import Executor
from local_cloud.athena.results import Row, read_rows

_MAX_QUERY_BYTES = 262144
_MAX_RESULTS = 1000
_DML = (exp.Query, exp.Insert, exp.Delete, exp.Update, exp.Merge)


class EmbeddedAthenaBackend(AthenaBackend):
    """One region's Athena: workgroups and named queries as moto keeps them, queries that run."""

    executor: Executor

    @property
    def _url_module(self) -> Any:
        paths = {"{0}/$": EmbeddedAthenaResponse.dispatch}
        return SimpleNamespace(url_bases=urls.url_bases, url_paths=paths)

    def start_query_execution(
        self,
        query: str,
        context: Any,
        config: dict[str, Any],
        workgroup: str,
        execution_parameters: list[str] | None,
    ) -> str:
        if len(query.encode()) > _MAX_QUERY_BYTES:
            raise InvalidRequestError(f"Query is larger than {_MAX_QUERY_BYTES} bytes")
        tree = parse(query)
        group = self.work_groups.get(workgroup or "primary")
        if group is None:
            raise InvalidRequestError(f"WorkGroup {workgroup} is not found.")
        if group.state != "ENABLED":
            raise InvalidRequestError(f"WorkGroup {workgroup} is disabled.")
        output = _output_location(group.configuration, config or {})
        access = self.executor.access()
        access.check_output(output)
        execution = QueryExecution(
            query,
            statement_type="DML" if isinstance(tree, _DML) else "DDL",
            context=context or {},
            output=output,
            workgroup=group,
            parameters=execution_parameters,
        )
        self.executions[execution.id] = execution
        self.executor.start(execution, tree, access)
        return str(execution.id)

    def get_query_execution(self, exec_id: str) -> QueryExecution:
        execution = self.executions.get(exec_id)
        if not isinstance(execution, QueryExecution):
            raise InvalidRequestError(f"QueryExecution {exec_id} was not found")
        return execution

    def stop_query_execution(self, exec_id: str) -> None:
        execution = self.get_query_execution(exec_id)
        if execution.status in ACTIVE_STATES:
            self.executor.cancel(execution)

    def query_results_page(
        self, exec_id: str, *, max_results: int, token: str | None
    ) -> dict[str, Any]:
        """GetQueryResults' answer; a query's first page starts with its column names."""
        execution = self.get_query_execution(exec_id)
        state = execution.status
        if state in ACTIVE_STATES:
            raise InvalidRequestError(f"Query has not yet finished. Current state: {state}")
        if state != "SUCCEEDED":
            raise InvalidRequestError(
                f"Query did not finish successfully. Final query state: {state}"
            )
        self.executor.access().check_result(execution.config["OutputLocation"])
        header: list[Row] = []
        if execution.has_header and token is None:
            header = [[column["Name"] for column in execution.columns]]
        rows, following = read_rows(
            self.executor.rows_file(exec_id),
            offset=int(token or 0),
            limit=max_results - len(header),
        )
        answer: dict[str, Any] = {
            "UpdateCount": execution.update_count or 0,
            "ResultSet": {
                "Rows": [{"Data": [_datum(value) for value in row]} for row in header + rows],
                "ResultSetMetadata": {"ColumnInfo": execution.columns},
            },
        }
        return answer if following is None else {**answer, "NextToken": str(following)}

    def get_work_group(self, name: str) -> dict[str, Any]:
        """A workgroup; moto finds nothing where AWS refuses."""
        found = super().get_work_group(name)
        if found is None:
            raise InvalidRequestError(f"WorkGroup {name} is not found.")
        return found

    def update_work_group(self, name: str, changes: dict[str, Any]) -> None:
        """Change a workgroup, as UpdateWorkGroup does."""
        group = self.work_groups.get(name)
        if group is None:
            raise InvalidRequestError(f"WorkGroup {name} is not found.")
        group.description = changes.get("Description", group.description)
        group.state = changes.get("State", group.state)
        updates = dict(changes.get("ConfigurationUpdates") or {})
        results = updates.pop("ResultConfigurationUpdates", {})
        group.configuration.update(updates)
        merged = dict(group.configuration.get("ResultConfiguration") or {})
        for field in ("OutputLocation", "EncryptionConfiguration", "ExpectedBucketOwner"):
            if field in results:
                merged[field] = results[field]
            if results.get(f"Remove{field}"):
                merged.pop(field, None)
        group.configuration["ResultConfiguration"] = merged


class EmbeddedAthenaResponse(AthenaResponse):
    """Answers of what runs, and the actions that moto does not have."""

    @property
    def _athena(self) -> EmbeddedAthenaBackend:
        backend = self.athena_backend
        assert isinstance(backend, EmbeddedAthenaBackend)
        return backend

    def get_query_execution(self) -> str:
        execution = self._athena.get_query_execution(self._get_param("QueryExecutionId"))
        return json.dumps({"QueryExecution": execution.as_dict()})

    def batch_get_query_execution(self) -> str:
        ids = self._get_param("QueryExecutionIds")
        known = [id_ for id_ in ids if id_ in self._athena.executions]
        return json.dumps(
            {
                "QueryExecutions": [
                    self._athena.get_query_execution(id_).as_dict() for id_ in known
                ],
                "UnprocessedQueryExecutionIds": [
                    {"QueryExecutionId": id_, "ErrorCode": "INVALID_QUERY_EXECUTION_ID"}
                    for id_ in ids
                    if id_ not in known
                ],
            }
        )

    def get_query_results(self) -> str:
        return json.dumps(
            self._athena.query_results_page(
                self._get_param("QueryExecutionId"),
                max_results=int(self._get_param("MaxResults") or _MAX_RESULTS),
                token=self._get_param("NextToken"),
            )
        )

    def get_query_runtime_statistics(self) -> str:
        execution = self._athena.get_query_execution(self._get_param("QueryExecutionId"))
        statistics = execution.as_dict()["Statistics"]
        timeline = {name: value for name, value in statistics.items() if "InMillis" in name}
        return json.dumps({"QueryRuntimeStatistics": {"Timeline": timeline}})

    def update_work_group(self) -> str:
        changes = {
            field: self._get_param(field)
            for field in ("Description", "State", "ConfigurationUpdates")
            if self._get_param(field) is not None
        }
        self._athena.update_work_group(self._get_param("WorkGroup"), changes)
        return "{}"

    def create_prepared_statement(self) -> str:
        raise InvalidRequestError(
            "The embedded cloud has no prepared statements; use ExecutionParameters."
        )


def _output_location(workgroup: dict[str, Any], request: dict[str, Any]) -> str:
    """Where results go: the workgroup's place if it enforces it, else the request's."""
    own = (workgroup.get("ResultConfiguration") or {}).get("OutputLocation")
    given = request.get("OutputLocation")
    chosen = own or given if workgroup.get("EnforceWorkGroupConfiguration") else given or own
    if not chosen:
        raise InvalidRequestError(
            "No output location provided. An output location is required either through the"
            " Workgroup result configuration setting or as an API input."
        )
    if not str(chosen).startswith("s3://"):
        raise InvalidRequestError(f"outputLocation is not a valid S3 path: {chosen}")
    return str(chosen).rstrip("/") + "/"


def _datum(value: str | None) -> dict[str, str]:
    return {} if value is None else {"VarCharValue": value}
