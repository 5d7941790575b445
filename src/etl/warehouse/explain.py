"""What the warehouse's refusals mean to a person: `WarehouseError`s with Redshift's own words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from aws.redshift.errors import (
    ConnectError,
    ConnectionLostError,
    DeadlineError,
    RedshiftError,
    StatementError,
)
from etl.describe import find_fix
from etl.errors import WarehouseError
from etl.settings import Settings
from etl.warehouse.executor import Executor
from etl.warehouse.sql import literal
from etl.warehouse.stage_sql import Step

_CLOCK_DIFFERENCE = timedelta(minutes=2)  # that Redshift's clock may be behind ours
_GUARD = re.compile(r"the stage holds \d+ rows, not \d+")
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "RequestExpired"}

_CONNECT_FIXES = {
    "unreachable": "check warehouse.host and port, the security group and VPN (`make status` for"
    " the embedded cloud), or use --loader data-api, which needs no network path",
    "password": "check that the IAM identity may get credentials, and warehouse.db_user",
    "database": "create the database, or correct warehouse.database",
    "certificate": "warehouse.host must be the name in the certificate, and"
    " warehouse.sslrootcert the CA that signed it",
    "other": "check the warehouse settings in config/<environment>.yml",
}


@contextmanager
def explain_warehouse_errors(settings: Settings) -> Iterator[None]:
    """Turn what Redshift or its APIs refuse into `WarehouseError`."""
    warehouse = settings.warehouse
    name = warehouse.workgroup_name or warehouse.cluster_identifier
    place = f"Redshift {name}, database {warehouse.database}"
    try:
        yield
    except ConnectError as error:
        raise WarehouseError(
            f"cannot connect to {place}: {error}", fix=_CONNECT_FIXES[error.problem]
        ) from error
    except ConnectionLostError as error:
        raise WarehouseError(
            f"{place} dropped the connection again and again: {error}",
            fix="run again; it ends as if it had run once",
        ) from error
    except DeadlineError as error:
        raise WarehouseError(
            f"{place}: {error}", fix="look for locks (svv_transactions) and queueing, run again"
        ) from error
    except StatementError as error:
        raise WarehouseError(
            f"{place} refused a statement: {_plain(error.message)}",
            fix=_privileges_fix(settings),
        ) from error
    except RedshiftError as error:
        raise WarehouseError(f"{place}: {error}", fix="run again") from error
    except (ClientError, BotoCoreError) as error:
        raise WarehouseError(f"{place}: {error}", fix=_api_fix(error)) from error


def explained_step(
    run: str, step: Step, error: StatementError, details: Sequence[str]
) -> WarehouseError:
    """What a refused step of a load means."""
    lines = [f"{run}: could not {step.name}: {_plain(error.message)}", *details]
    if error.is_conflict:
        fix = "other transactions kept writing to the same tables: run again when they are done"
    elif _GUARD.search(error.message):
        fix = "the files changed after they were validated: run the transform again"
    elif step.sql.startswith("COPY"):
        fix = "check that warehouse.copy_role_arn may read the files, and the columns named above"
    else:
        fix = "nothing was changed; correct the cause and run again"
    return WarehouseError("\n  ".join(lines), fix=fix)


def load_errors(executor: Executor, *, prefix: str, since: datetime) -> list[str]:
    """What Redshift wrote down of values that COPY could not load, newest first; often nothing.

    Args:
        prefix: Where the files lie.
        since: When the load began.
    """
    began = since.astimezone(UTC) - _CLOCK_DIFFERENCE
    try:
        rows = executor.query(
            "SELECT TRIM(file_name), line_number, TRIM(column_name), TRIM(error_message)"
            f" FROM sys_load_error_detail WHERE TRIM(file_name) LIKE {literal(prefix + '%')}"
            f" AND start_time >= CAST('{began:%Y-%m-%d %H:%M:%S}' AS TIMESTAMP)"
            " ORDER BY start_time DESC LIMIT 3"
        )
    except (RedshiftError, ClientError, BotoCoreError):
        return []  # the first error is the one to show
    return [
        f"{file}, line {line}" + (f", column {column}" if column else "") + f": {message}"
        for file, line, column, message in rows
    ]


def _privileges_fix(settings: Settings) -> str:
    if settings.warehouse.database_role is None:
        return "check the privileges of the database user"
    return (
        "check the privileges of the database user; what is made by one part of the pipeline the"
        f" others may use after `make share-warehouse ENV={settings.environment}`"
    )


def _plain(message: str) -> str:
    if found := _GUARD.search(message):
        return found[0]
    return message.removeprefix("ERROR:").strip()


def _api_fix(error: ClientError | BotoCoreError) -> str:
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    if code in _EXPIRED:
        return "the AWS session has expired: sign in again"
    if fix := find_fix(error):
        return fix
    if code.startswith("AccessDenied"):
        return "allow the role the action named above"
    if code in ("ResourceNotFoundException", "ClusterNotFound", "ClusterNotFoundFault"):
        return "correct warehouse.workgroup_name or cluster_identifier, or create it"
    return "check the warehouse settings and the network, then run again"
