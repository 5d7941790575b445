"""The Redshift Data API: statements that really run."""

from __future__ import annotations

import json
import threading
import time
import uuid
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
from moto.core.exceptions import JsonRESTError
from moto.redshiftdata.exceptions import ResourceNotFoundException, ValidationException
from moto.redshiftdata.models import RedshiftDataAPIServiceBackend, redshiftdata_backends
from moto.redshiftdata.responses import RedshiftDataAPIServiceResponse

from local_cloud.redshift.data_runner import Runner
from local_cloud.redshift.data_statements import KEPT_SECONDS, Part, Results, Statement
from local_cloud.redshift.serverless import has_workgroup

if TYPE_CHECKING:
    from local_cloud.redshift.service import Redshift

_SERVICE = "redshift-data"
_MAX_STATEMENTS = 40
_MAX_LISTED = 100
_TARGET = ("Database", "WorkgroupName", "ClusterIdentifier", "DbUser", "SecretArn")
_REFUSED = ("SessionId", "SessionKeepAliveSeconds", "WithEvent")

Request = dict[str, Any]


class DataBackend(RedshiftDataAPIServiceBackend):
    """The statements of a region."""

    redshift: Redshift
    runner: Runner
    results: Results

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.submitted: dict[str, Statement] = {}
        self.tokens: dict[str, str] = {}
        self._lock = threading.Lock()

    @property
    def _url_module(self) -> Any:
        return SimpleNamespace(
            url_bases=[r"https?://redshift-data\.(.+)\.amazonaws\.com"],
            url_paths={"{0}/$": DataResponse.dispatch},
        )

    def restore_state(self, state: dict[str, Any]) -> None:
        """Take back what was saved; nothing of it runs any more."""
        self.__dict__.update(state)
        for statement in self.submitted.values():
            for part in (*statement.parts, statement.whole):
                if not statement.is_finished or part.status in ("PICKED", "STARTED"):
                    part.set_status("ABORTED", "The embedded cloud was stopped")

    def submit(self, request: Request, statements: list[str], *, is_batch: bool) -> Statement:
        """Take statements to be run, or find those that this token was already given for."""
        target = self._target(request)
        token = request.get("ClientToken")
        with self._lock:
            if token and token in self.tokens:
                return self.submitted[self.tokens[token]]
            self._prune()
            statement = _statement(request, statements, target, is_batch)
            self.submitted[statement.id] = statement
            if token:
                self.tokens[token] = statement.id
        self.runner.submit(statement)
        if wait := request.get("WaitTimeSeconds"):
            self.runner.wait(statement, wait)
        return statement

    def find(self, statement_id: str) -> tuple[Statement, Part]:
        """A statement and the part that an id names: <id>, or <id>:<number> of a batch."""
        base, _, number = statement_id.partition(":")
        try:
            uuid.UUID(base)
        except ValueError:
            raise ValidationException(
                "id must satisfy regex pattern:"
                " ^[a-z0-9]{8}(-[a-z0-9]{4}){3}-[a-z0-9]{12}(:\\d+)?$"
            ) from None
        statement = self.submitted.get(base)
        if statement is None:
            raise ResourceNotFoundException()
        if not number:
            return statement, statement.whole
        if not statement.is_batch or not 0 < int(number) <= len(statement.parts):
            raise ResourceNotFoundException()
        return statement, statement.parts[int(number) - 1]

    def cancel(self, statement_id: str) -> None:
        """Stop a statement that is not finished."""
        statement, _ = self.find(statement_id)
        if statement.is_finished:
            raise ValidationException(
                "Could not cancel a query that is already in"
                f" {statement.whole.status} state with ID: {statement_id}"
            )
        self.runner.cancel(statement)

    def result(self, statement_id: str, token: str | None) -> dict[str, Any]:
        """A page of a result set."""
        statement, part = self.find(statement_id)
        if not part.has_result or part.status != "FINISHED":
            raise JsonRESTError(
                "ResourceNotFoundException",
                "Query does not have result. Please check query status with DescribeStatement.",
            )
        records, following = self.results.page(part.id, int(token or 0))
        answer = {
            "Records": records,
            "ColumnMetadata": part.columns,
            "TotalNumRows": part.result_rows,
        }
        return answer | ({"NextToken": str(following)} if following is not None else {})

    def _target(self, request: Request) -> dict[str, str]:
        for name in _REFUSED:
            if request.get(name):
                raise NotImplementedError(f"{name} of the Data API is not supported")
        if request.get("ResultFormat", "JSON") != "JSON":
            raise NotImplementedError("ResultFormat CSV of the Data API is not supported")
        return self.checked_target(request)

    def checked_target(self, request: Request) -> dict[str, str]:
        """Where statements run.

        Raises:
            ValidationException: The request names none, or more than one, or one that is missing.
        """
        target = {name: request[name] for name in _TARGET if request.get(name)}
        workgroup, cluster = target.get("WorkgroupName"), target.get("ClusterIdentifier")
        if workgroup and cluster:
            raise ValidationException(
                "Only one of WorkgroupName and ClusterIdentifier can be provided."
            )
        if not workgroup and not cluster:
            raise ValidationException("WorkgroupName or ClusterIdentifier is required.")
        if "Database" not in target:
            raise ValidationException("Database is required.")
        if workgroup and "DbUser" in target:
            raise ValidationException("DbUser cannot be provided with WorkgroupName.")
        if "SecretArn" in target and "DbUser" in target:
            raise ValidationException("Only one of SecretArn and DbUser can be provided.")
        place = self.account_id, self.region_name
        name = (workgroup or "").rpartition("/")[2]
        if not (
            has_workgroup(*place, name)
            if workgroup
            else self.redshift.has_cluster(*place, cluster or "")
        ):
            raise ValidationException("Redshift endpoint doesn't exist in this region.")
        return target

    def _prune(self) -> None:
        oldest = time.time() - KEPT_SECONDS
        kept = {k: s for k, s in self.submitted.items() if s.whole.created_at > oldest}
        if len(kept) < len(self.submitted):
            self.submitted = kept
            self.tokens = {token: i for token, i in self.tokens.items() if i in kept}
            self.results.prune()


def _statement(
    request: Request, statements: list[str], target: dict[str, str], is_batch: bool
) -> Statement:
    identifier = str(uuid.uuid4())
    ids = [f"{identifier}:{n}" for n, _ in enumerate(statements, 1)] if is_batch else [identifier]
    return Statement(
        identifier,
        [Part(part_id, text) for part_id, text in zip(ids, statements, strict=True)],
        target,
        is_batch=is_batch,
        is_transaction=request.get("ExecutionMode", "TRANSACTION") == "TRANSACTION",
        name=request.get("StatementName", ""),
        parameters=request.get("Parameters", []),
    )


class DataResponse(RedshiftDataAPIServiceResponse):
    """The Data API's calls."""

    @property
    def _backend(self) -> DataBackend:
        found = redshiftdata_backends[self.current_account][self.region]
        assert isinstance(found, DataBackend)
        return found

    @property
    def _request(self) -> Request:
        request: Request = json.loads(self.body or "{}")
        return request

    def execute_statement(self) -> str:  # type: ignore[override]
        """ExecuteStatement."""
        request = self._request
        statement = self._backend.submit(request, [request["Sql"]], is_batch=False)
        return _submitted(statement)

    def batch_execute_statement(self) -> str:
        """BatchExecuteStatement."""
        request = self._request
        statements = request["Sqls"]
        if not 0 < len(statements) <= _MAX_STATEMENTS:
            raise ValidationException(
                f"1 validation error detected: Value at 'sqls' failed to satisfy constraint:"
                f" Member must have length less than or equal to {_MAX_STATEMENTS}"
            )
        return _submitted(self._backend.submit(request, statements, is_batch=True))

    def describe_statement(self) -> str:  # type: ignore[override]
        """DescribeStatement."""
        request = self._request
        statement, part = self._backend.find(request["Id"])
        if wait := request.get("WaitTimeSeconds"):
            self._backend.runner.wait(statement, wait)
        return json.dumps(statement.describe() if part is statement.whole else part.describe())

    def get_statement_result(self) -> str:  # type: ignore[override]
        """GetStatementResult."""
        request = self._request
        return json.dumps(self._backend.result(request["Id"], request.get("NextToken")))

    def cancel_statement(self) -> str:  # type: ignore[override]
        """CancelStatement."""
        self._backend.cancel(self._request["Id"])
        return json.dumps({"Status": True})

    def list_statements(self) -> str:
        """ListStatements, the newest first."""
        request = self._request
        wanted = request.get("Status", "ALL")
        prefix = request.get("StatementName", "")
        found = [
            statement.summary()
            for statement in reversed(list(self._backend.submitted.values()))
            if wanted in ("ALL", statement.whole.status) and statement.name.startswith(prefix)
        ]
        start = int(request.get("NextToken") or 0)
        end = start + (request.get("MaxResults") or _MAX_LISTED)
        following = {"NextToken": str(end)} if end < len(found) else {}
        return json.dumps({"Statements": found[start:end]} | following)

    def list_databases(self) -> str:
        """ListDatabases."""
        rows = self._query("SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1", ())
        return json.dumps({"Databases": [name for (name,) in rows]})

    def list_schemas(self) -> str:
        """ListSchemas."""
        pattern = self._request.get("SchemaPattern", "%")
        rows = self._query(
            "SELECT nspname FROM pg_namespace WHERE nspname LIKE %s AND nspname <> 'redshift'"
            " AND nspname NOT LIKE 'pg!_t%%' ESCAPE '!' ORDER BY 1",
            (pattern,),
        )
        return json.dumps({"Schemas": [name for (name,) in rows]})

    def list_tables(self) -> str:
        """ListTables."""
        request = self._request
        rows = self._query(
            "SELECT table_schema, table_name, table_type FROM svv_tables"
            " WHERE table_schema LIKE %s AND table_name LIKE %s ORDER BY 1, 2",
            (request.get("SchemaPattern", "%"), request.get("TablePattern", "%")),
        )
        types = {"BASE TABLE": "TABLE"}
        return json.dumps(
            {"Tables": [{"schema": s, "name": n, "type": types.get(t, t)} for s, n, t in rows]}
        )

    def _query(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        return self._backend.runner.query(self._backend.checked_target(self._request), sql, values)


def _submitted(statement: Statement) -> str:
    whole = statement.whole
    return json.dumps(
        {"Id": statement.id, "CreatedAt": whole.created_at, "Status": whole.status}
        | statement.target
    )


def install(redshift: Redshift) -> None:
    """Replace moto's backend."""
    cloud = redshift.cloud
    DataBackend.redshift = redshift
    DataBackend.results = Results(redshift.folder / "results")
    DataBackend.runner = Runner(redshift, DataBackend.results, lambda: cloud.save(_SERVICE))
    redshiftdata_backends.backend = DataBackend
    # moto says "redshift", which is another's; botocore lists no regions of this one.
    redshiftdata_backends.service_name = _SERVICE
    redshiftdata_backends._additional_regions = boto3.Session().get_available_regions("redshift")
