"""One run of the state machine, from its name to its result.

A run is (run date, datasets). Its execution is named by them, so that Step Functions refuses a
second one while the first runs and once it has succeeded. After a failure the next attempt's name
has a number: the same steps run again and end where one clean run would.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from aws.clients import make_client
from aws.stepfunctions import (
    Execution,
    ExecutionTimeoutError,
    StateEntered,
    describe_execution,
    start_execution,
    wait_for_execution,
)
from aws.sts import get_caller_identity
from etl import keys
from etl.batch.failure import next_command
from etl.contracts import load_contract
from etl.environment import enter
from etl.errors import BatchError, UsageError
from etl.settings import Settings
from etl.state_machine import MOST_DATASETS, state_machine_arn
from etl.storage import write_json

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

log = logging.getLogger("etl")

_MOST_ATTEMPTS = 50


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A run of the state machine that is under way, or was.

    Attributes:
        is_new: Whether this process started the execution.
    """

    run_date: date
    datasets: tuple[str, ...]
    settings: Settings
    execution_arn: str
    is_new: bool

    @property
    def again(self) -> str:
        """The command line that starts the same, or attaches to it."""
        return next_command(
            self.settings.environment, self.run_date.isoformat(), list(self.datasets)
        )


def execution_name(run_date: date, datasets: Iterable[str], attempt: int = 1) -> str:
    """The name of an execution, e.g. 2026-01-01-3f2a91c0b7d4; the second attempt has a -2 more."""
    digest = hashlib.sha256("\n".join(sorted(set(datasets))).encode()).hexdigest()[:12]
    return f"{run_date}-{digest}" + (f"-{attempt}" if attempt > 1 else "")


def start_batch(
    *,
    environment: str,
    run_date: date,
    datasets: Sequence[str],
    again: bool = False,
    prefect_flow_run_id: str = "",
) -> Batch:
    """Start the run's execution, or attach to the one that runs or has succeeded.

    Args:
        again: Start another attempt where the last one has succeeded.

    Raises:
        UsageError, SettingsError, ContractError, StorageError: Nothing has been started.
        BatchError: There is no such state machine.
    """
    datasets = tuple(sorted(set(datasets)))
    if len(datasets) > MOST_DATASETS:
        raise UsageError(
            f"{len(datasets)} datasets are too many for one execution, which takes {MOST_DATASETS}",
            fix="name fewer, and start another execution for the others",
        )
    settings = enter(environment)
    given = {
        "run_date": run_date.isoformat(),
        "datasets": list(datasets),
        "contracts": _write_contracts(settings, datasets),
        "prefect_flow_run_id": prefect_flow_run_id,
    }
    client = make_client("stepfunctions", settings.aws)
    account = get_caller_identity(make_client("sts", settings.aws)).account
    machine = state_machine_arn(settings, account)
    try:
        arn, is_new = _start_or_attach(client, machine, run_date, datasets, given, again)
    except client.exceptions.StateMachineDoesNotExist as error:
        raise BatchError(
            f"there is no state machine {settings.state_machine.name}",
            fix="create it (terraform apply), or correct state_machine.name in config/",
        ) from error
    log.info("%s %s", "started    " if is_new else "attached to", arn)
    return Batch(
        run_date=run_date, datasets=datasets, settings=settings, execution_arn=arn, is_new=is_new
    )


def follow_batch(batch: Batch) -> dict[str, Any]:
    """Show the execution's states as it comes to them, wait for its end, give its output.

    Raises:
        BatchError: It failed, was stopped, or takes longer than state_machine.wait_minutes.
    """
    settings = batch.settings
    client = make_client("stepfunctions", settings.aws)
    try:
        ended = wait_for_execution(
            client,
            execution_arn=batch.execution_arn,
            poll_seconds=max(settings.state_machine.poll_seconds, 1),
            timeout_minutes=settings.state_machine.wait_minutes,
            on_state=_Progress().show,
        )
    except ExecutionTimeoutError as error:
        raise BatchError(str(error), fix=f"{batch.again} goes on waiting for it") from error
    if ended.status != "SUCCEEDED":
        cause = ended.cause or "Step Functions gives no reason"
        raise BatchError(
            f"execution {ended.name} {ended.status}{': ' + ended.error if ended.error else ''}\n"
            f"  {cause}",
            fix=f"see {ended.arn}",
        )
    output: dict[str, Any] = ended.output
    stopped = ended.stopped_at or datetime.now(UTC)
    return output | {
        "environment": settings.environment,
        "execution": ended.arn,
        "prefect_flow_run_id": ended.input.get("prefect_flow_run_id", ""),
        "seconds": round((stopped - ended.started_at).total_seconds(), 1),
        "attached": not batch.is_new,
    }


def _start_or_attach(
    client: SFNClient,
    machine: str,
    run_date: date,
    datasets: Sequence[str],
    given: Any,
    again: bool,
) -> tuple[str, bool]:
    """The execution's ARN, and whether it was started by this call."""
    attempt = 1
    while attempt <= _MOST_ATTEMPTS:
        name = execution_name(run_date, datasets, attempt)
        arn = machine.replace(":stateMachine:", ":execution:") + f":{name}"
        found = describe_execution(client, execution_arn=arn)
        if found is None:
            started = start_execution(client, state_machine_arn=machine, name=name, given=given)
            if started is not None:
                return started, True
            found = describe_execution(client, execution_arn=arn)  # somebody was faster
        if found is not None and _stands(found, again):
            return arn, False
        attempt += 1
    raise UsageError(
        f"{run_date} has had {_MOST_ATTEMPTS} attempts", fix="look at why they fail first"
    )


def _stands(execution: Execution, again: bool) -> bool:
    return execution.is_active or (execution.status == "SUCCEEDED" and not again)


def _write_contracts(settings: Settings, datasets: Sequence[str]) -> dict[str, str]:
    """Where the contracts lie that this start goes by."""
    s3, uris = make_client("s3", settings.aws), {}
    for dataset in datasets:
        contract = load_contract(dataset, settings=settings)
        uri = keys.contract_uri(settings.buckets.artifacts, contract)
        write_json(s3, uri, contract.to_json())
        uris[dataset] = uri
    return uris


class _Progress:
    """A line for each task that a dataset comes to, once, however often it is looked at again."""

    def __init__(self) -> None:
        self._shown: set[tuple[str, str]] = set()

    def show(self, state: StateEntered) -> None:
        """Log a state, unless it only leads to others."""
        given = state.input if isinstance(state.input, dict) else {}
        which = (str(given.get("dataset") or "all"), state.name)
        if state.kind in ("Task", "Map", "Fail") and which not in self._shown:
            self._shown.add(which)
            log.info("%-12s %s", *which)
