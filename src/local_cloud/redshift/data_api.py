"""The Redshift Data API: statements that really run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
from moto.redshiftdata.exceptions import ValidationException
from moto.redshiftdata.models import redshiftdata_backends
from moto.redshiftdata.responses import RedshiftDataAPIServiceResponse

from local_cloud.redshift.data_backend import DataBackend, Request
from local_cloud.redshift.data_runner import Runner
from local_cloud.redshift.data_statements import Results, Statement
from local_cloud.redshift.identity import DatabaseUser, database_user

if TYPE_CHECKING:
    from local_cloud.redshift.service import Redshift

_SERVICE = "redshift-data"
_MAX_STATEMENTS = 40
_MAX_LISTED = 100


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
        return self._submit(request, [request["Sql"]], is_batch=False)

    def batch_execute_statement(self) -> str:
        """BatchExecuteStatement."""
        request = self._request
        statements = request["Sqls"]
        if not 0 < len(statements) <= _MAX_STATEMENTS:
            raise ValidationException(
                f"1 validation error detected: Value at 'sqls' failed to satisfy constraint:"
                f" Member must have length less than or equal to {_MAX_STATEMENTS}"
            )
        return self._submit(request, statements, is_batch=True)

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
        target = self._backend.checked_target(self._request)
        return self._backend.runner.query(target, self._user, sql, values)

    def _submit(self, request: Request, statements: list[str], *, is_batch: bool) -> str:
        found = self._backend.submit(request, statements, user=self._user, is_batch=is_batch)
        return _submitted(found)

    @property
    def _user(self) -> DatabaseUser:
        return database_user(self._backend.redshift.cloud, self.current_account, self.access_key)


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
