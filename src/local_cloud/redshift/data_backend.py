"""The Data API's statements of a region: taken, found, cancelled, forgotten."""

from __future__ import annotations

import threading
import time
import uuid
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from moto.core.exceptions import JsonRESTError
from moto.redshiftdata.exceptions import ResourceNotFoundException, ValidationException
from moto.redshiftdata.models import RedshiftDataAPIServiceBackend

from local_cloud.redshift.data_runner import Runner
from local_cloud.redshift.data_statements import KEPT_SECONDS, Part, Results, Statement
from local_cloud.redshift.identity import DatabaseUser
from local_cloud.redshift.serverless import has_workgroup

if TYPE_CHECKING:
    from local_cloud.redshift.service import Redshift

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
        from local_cloud.redshift.data_api import DataResponse

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

    def submit(
        self, request: Request, statements: list[str], *, user: DatabaseUser, is_batch: bool
    ) -> Statement:
        """Take statements to be run, or find those that this token was already given for."""
        target = self._target(request)
        token = request.get("ClientToken")
        with self._lock:
            if token and token in self.tokens:
                return self.submitted[self.tokens[token]]
            self._prune()
            statement = _statement(request, statements, target, user, is_batch)
            caller = self.redshift.cloud.guard.caller
            statement.owner = caller.user_id if caller else ""
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
        if workgroup:
            exists = has_workgroup(*place, name)
        else:
            exists = self.redshift.has_cluster(*place, cluster or "")
        if not exists:
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
    request: Request,
    statements: list[str],
    target: dict[str, str],
    user: DatabaseUser,
    is_batch: bool,
) -> Statement:
    identifier = str(uuid.uuid4())
    ids = [f"{identifier}:{n}" for n, _ in enumerate(statements, 1)] if is_batch else [identifier]
    return Statement(
        identifier,
        [Part(part_id, text) for part_id, text in zip(ids, statements, strict=True)],
        target,
        user,
        is_batch=is_batch,
        is_transaction=request.get("ExecutionMode", "TRANSACTION") == "TRANSACTION",
        name=request.get("StatementName", ""),
        parameters=request.get("Parameters", []),
    )
