"""SQL by the Redshift Data API: no network path to the warehouse is needed, only IAM."""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from aws.redshift.errors import (
    ConnectionLostError,
    DeadlineError,
    RedshiftError,
    StatementError,
)

if TYPE_CHECKING:
    from mypy_boto3_redshift_data import RedshiftDataAPIServiceClient
    from mypy_boto3_redshift_data.type_defs import DescribeStatementResponseTypeDef

MAX_STATEMENTS = 40  # of one BatchExecuteStatement
_RUNNING = frozenset({"SUBMITTED", "PICKED", "STARTED"})
_FIRST_POLL_SECONDS = 0.05
_LONGEST_POLL_SECONDS = 5.0
# What became of a session that Redshift, or its restart, has ended under a statement.
_LOST = re.compile(
    r"terminating connection|server closed the connection|connection has been closed"
    r"|connection (?:was )?(?:lost|reset)",
    re.IGNORECASE,
)
_READERS: dict[str, Callable[[str], Any]] = {
    "numeric": Decimal,
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "timestamptz": datetime.fromisoformat,
}


@dataclass(frozen=True, kw_only=True)
class Target:
    """The database that statements run in: of a serverless workgroup, or of a cluster.

    Attributes:
        db_user: For a cluster, whom to act as; None for the caller's IAM identity.
        secret_arn: Of the secret with the username and password to act by, instead of either.
        deadline_seconds: How long a statement may take before it is cancelled.
    """

    database: str
    workgroup_name: str | None = None
    cluster_identifier: str | None = None
    db_user: str | None = None
    secret_arn: str | None = None
    deadline_seconds: float = 3600

    def __post_init__(self) -> None:
        if (self.workgroup_name is None) == (self.cluster_identifier is None):
            raise ValueError("give workgroup_name or cluster_identifier, not both")

    def parameters(self) -> dict[str, Any]:
        """As the Data API's calls take it."""
        given = {
            "Database": self.database,
            "WorkgroupName": self.workgroup_name,
            "ClusterIdentifier": self.cluster_identifier,
            "DbUser": self.db_user if self.workgroup_name is None else None,
            "SecretArn": self.secret_arn,
        }
        return {name: value for name, value in given.items() if value is not None}


def make_client_token(label: str, statements: Sequence[str]) -> str:
    """A token for one submission: 64 hex digits from its label, its text and a nonce.

    It is made once and sent with every attempt to deliver the submission, so an answer that gets
    lost does not run it twice. The nonce keeps a later submission of the same text from being
    answered with the outcome of the earlier one, whose files may have been replaced since.
    """
    digest = hashlib.sha256()
    for part in (label, uuid.uuid4().hex, *statements):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


def run_transaction(
    client: RedshiftDataAPIServiceClient,
    *,
    statements: Sequence[str],
    target: Target,
    label: str,
    on_submitted: Callable[[str], None] | None = None,
) -> None:
    """Run the statements in order in one transaction: all of them, or none.

    Args:
        label: What the submission is for; shown in the console as the statement's name.
        on_submitted: Called with the submission's id, by which another process can wait for it.

    Raises:
        StatementError: Redshift refused one; `index` says which.
        ConnectionLostError: Redshift ended their session; whether they took effect is unknown.
        DeadlineError: They took longer than the target's deadline and were cancelled.
    """
    if not 0 < len(statements) <= MAX_STATEMENTS:
        raise ValueError(f"a batch takes 1 to {MAX_STATEMENTS} statements, not {len(statements)}")
    submitted = client.batch_execute_statement(
        Sqls=list(statements),
        ClientToken=make_client_token(label, statements),
        StatementName=label,
        **target.parameters(),
    )
    if on_submitted is not None:
        on_submitted(submitted["Id"])
    wait_for_end(client, statement_id=submitted["Id"], target=target)


def execute(
    client: RedshiftDataAPIServiceClient, *, statement: str, target: Target, label: str
) -> str:
    """Run one statement on its own, outside a transaction block.

    Returns:
        The statement's id.
    """
    submitted = client.execute_statement(
        Sql=statement,
        ClientToken=make_client_token(label, [statement]),
        StatementName=label,
        **target.parameters(),
    )
    wait_for_end(client, statement_id=submitted["Id"], target=target)
    return submitted["Id"]


def query(
    client: RedshiftDataAPIServiceClient, *, sql: str, target: Target, label: str
) -> list[tuple[Any, ...]]:
    """All rows of a query, in memory, typed as psycopg2 types them."""
    statement_id = execute(client, statement=sql, target=target, label=label)
    return list(_iter_rows(client, statement_id))


def find_end(
    client: RedshiftDataAPIServiceClient, *, statement_id: str
) -> Literal["finished"] | StatementError | None:
    """How a submission has ended, or why it has failed; None if it goes on."""
    found = client.describe_statement(Id=statement_id)
    if found["Status"] == "FINISHED":
        return "finished"
    return _failure(found) if found["Status"] in ("FAILED", "ABORTED") else None


def wait_for_end(
    client: RedshiftDataAPIServiceClient, *, statement_id: str, target: Target
) -> None:
    """Wait until a submission has finished, whoever submitted it.

    Raises:
        StatementError, ConnectionLostError, DeadlineError: As `run_transaction`.
    """
    try:
        _poll(client, statement_id, target.deadline_seconds)
    except (ConnectionLostError, StatementError):
        raise
    except BaseException:
        # Nobody waits for it any longer: do not leave it running and holding its locks.
        with suppress(ClientError, BotoCoreError):
            client.cancel_statement(Id=statement_id)
        raise


def _poll(client: RedshiftDataAPIServiceClient, statement_id: str, deadline_seconds: float) -> None:
    ends = time.monotonic() + deadline_seconds
    pause = _FIRST_POLL_SECONDS
    while True:
        found = client.describe_statement(Id=statement_id)
        status = found["Status"]
        if status == "FINISHED":
            return
        if status in ("FAILED", "ABORTED"):
            failure = _failure(found)
            if _LOST.search(failure.message):
                raise ConnectionLostError(failure.message) from failure
            raise failure
        if status not in _RUNNING:
            raise RedshiftError(f"statement {statement_id} has the unknown status {status}")
        if time.monotonic() + pause > ends:
            raise DeadlineError(
                f"statement {statement_id} is {status} after {deadline_seconds:g} seconds"
            )
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_POLL_SECONDS)


def _failure(found: DescribeStatementResponseTypeDef) -> StatementError:
    message = found.get("Error") or f"the statement was {found['Status'].lower()}"
    for index, part in enumerate(found.get("SubStatements", [])):
        if part.get("Status") == "FAILED":
            return StatementError(part.get("Error") or message, index=index)
    # A batch whose parts all finished failed at its COMMIT.
    return StatementError(message, index=-1 if found.get("SubStatements") else 0)


def _iter_rows(
    client: RedshiftDataAPIServiceClient, statement_id: str
) -> Iterator[tuple[Any, ...]]:
    pages = client.get_paginator("get_statement_result").paginate(Id=statement_id)
    types: list[str] = []
    for page in pages:
        types = [column["typeName"] for column in page.get("ColumnMetadata", [])] or types
        for record in page["Records"]:
            yield tuple(_value(each, kind) for each, kind in zip(record, types, strict=True))


def _value(field: Any, type_name: str) -> Any:
    if field.get("isNull"):
        return None
    ((_, value),) = field.items()
    read = _READERS.get(type_name)
    return read(value) if read else value
