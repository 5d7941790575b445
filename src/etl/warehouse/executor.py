"""How SQL reaches the warehouse: one protocol, a connection and the Data API behind it."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from aws.clients import make_client
from aws.redshift import connection as redshift_connection
from aws.redshift import credentials as redshift_credentials
from aws.redshift import data_api
from aws.redshift.errors import ConnectionLostError, StatementError
from etl.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_redshift_data import RedshiftDataAPIServiceClient

log = logging.getLogger("etl")
Result = TypeVar("Result")

MAX_ATTEMPTS = 6
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0


class Executor(Protocol):
    """Runs SQL in one database. Failures are those of `aws.redshift.errors`."""

    def run_transaction(self, statements: Sequence[str]) -> None:
        """Run the statements in one transaction: all of them, or none."""

    def execute(self, *statements: str) -> None:
        """Run one statement outside a transaction block, or several in one that no load's is."""

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a query, in memory."""

    def close(self) -> None:
        """Give back what is held; the executor can be used again."""


class ConnectionExecutor:
    """Over one TLS connection, opened when it is needed and again after it was lost."""

    def __init__(self, connect: Callable[[], redshift_connection.Connection]) -> None:
        self._connect = connect
        self._connection: redshift_connection.Connection | None = None

    def run_transaction(self, statements: Sequence[str]) -> None:
        """Run the statements in one transaction: all of them, or none."""
        redshift_connection.run_transaction(self._open(), statements=statements)

    def execute(self, *statements: str) -> None:
        """Run one statement outside a transaction block, or several in one."""
        if len(statements) > 1:
            self.run_transaction(statements)
        else:
            redshift_connection.execute(self._open(), statement=statements[0])

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a query, in memory."""
        return redshift_connection.query(self._open(), sql=sql)

    def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> redshift_connection.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
        return self._connection


class DataApiExecutor:
    """By the Data API; nothing is held between calls.

    Args:
        at_work: The first transaction's id, if it was submitted by a process that has died.
        on_submitted: Called with the id of each transaction that is submitted.
    """

    def __init__(
        self,
        client: RedshiftDataAPIServiceClient,
        *,
        target: data_api.Target,
        label: str,
        at_work: str | None = None,
        on_submitted: Callable[[str], None] | None = None,
    ) -> None:
        self._client = client
        self._target = target
        self._label = label
        self._at_work = at_work
        self._on_submitted = on_submitted

    def run_transaction(self, statements: Sequence[str]) -> None:
        """Run the statements in one transaction: all of them, or none."""
        at_work, self._at_work = self._at_work, None
        if at_work is not None:
            try:
                data_api.wait_for_end(self._client, statement_id=at_work, target=self._target)
                return
            except StatementError as error:
                log.info("load       %s has failed (%s): loading again", at_work, error.message)
        data_api.run_transaction(
            self._client,
            statements=statements,
            target=self._target,
            label=self._label,
            on_submitted=self._on_submitted,
        )

    def execute(self, *statements: str) -> None:
        """Run one statement outside a transaction block, or several in one that nobody awaits."""
        client, target, label = self._client, self._target, self._label
        if len(statements) > 1:
            data_api.run_transaction(client, statements=statements, target=target, label=label)
        else:
            data_api.execute(client, statement=statements[0], target=target, label=label)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a query, in memory."""
        return data_api.query(self._client, sql=sql, target=self._target, label=self._label)

    def close(self) -> None:
        """Nothing is held."""


def open_executor(
    settings: Settings,
    *,
    label: str = "etl",
    at_work: str | None = None,
    on_submitted: Callable[[str], None] | None = None,
) -> Executor:
    """The executor that the settings' `warehouse.loader` names; it connects at its first use.

    Args:
        label: What the SQL is for, e.g. dataset, run date and run id; seen in Redshift's consoles.
        at_work, on_submitted: For the Data API, see `DataApiExecutor`. What a connection's process
            leaves undone, the warehouse rolls back.
    """
    warehouse = settings.warehouse
    if warehouse.loader == "data-api":
        target = data_api.Target(
            database=warehouse.database,
            workgroup_name=warehouse.workgroup_name,
            cluster_identifier=warehouse.cluster_identifier,
            db_user=warehouse.db_user,
        )
        return DataApiExecutor(
            make_client("redshift-data", settings.aws),
            target=target,
            label=label,
            at_work=at_work,
            on_submitted=on_submitted,
        )
    return ConnectionExecutor(lambda: connect(settings))


def connect(settings: Settings) -> redshift_connection.Connection:
    """A connection to the settings' warehouse, with credentials fetched for it alone."""
    warehouse = settings.warehouse
    endpoint = None
    if warehouse.host:
        endpoint = redshift_credentials.Endpoint(host=warehouse.host, port=warehouse.port)
    if warehouse.workgroup_name is not None:
        serverless = make_client("redshift-serverless", settings.aws)
        endpoint = endpoint or redshift_credentials.find_workgroup_endpoint(
            serverless, workgroup_name=warehouse.workgroup_name
        )
        credentials = redshift_credentials.get_workgroup_credentials(
            serverless, workgroup_name=warehouse.workgroup_name, database=warehouse.database
        )
    else:
        provisioned = make_client("redshift", settings.aws)
        cluster = str(warehouse.cluster_identifier)
        endpoint = endpoint or redshift_credentials.find_cluster_endpoint(
            provisioned, cluster_identifier=cluster
        )
        credentials = redshift_credentials.get_cluster_credentials(
            provisioned,
            cluster_identifier=cluster,
            database=warehouse.database,
            db_user=warehouse.db_user,
        )
    return redshift_connection.connect(
        host=endpoint.host,
        port=endpoint.port,
        database=warehouse.database,
        credentials=credentials,
        sslrootcert=warehouse.sslrootcert,
    )


def retry_conflicts(
    action: Callable[[], Result],
    *,
    max_attempts: int = MAX_ATTEMPTS,
    sleep: Callable[[float], None] = time.sleep,
) -> Result:
    """Run `action` again when another transaction was in its way, or the connection was lost.

    The action must be one whose second run changes nothing, because a connection lost at its
    COMMIT leaves open whether the first took effect. A load is: it ends with what its files hold
    in the run date's place and one ledger row, whatever stood there before.
    """
    for attempt in range(1, max_attempts):
        try:
            return action()
        except (StatementError, ConnectionLostError) as error:
            if isinstance(error, StatementError) and not error.is_conflict:
                raise
        # Full jitter, so that loads that collided do not meet again.
        longest = min(_FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), _LONGEST_PAUSE_SECONDS)
        sleep(random.uniform(longest / 10, longest))
    return action()
