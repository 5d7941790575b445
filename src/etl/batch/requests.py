"""What the state machine hands to its function, and what of it every step needs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import Any, TypeVar

from aws.clients import make_client
from aws.s3 import get_bytes
from etl import keys
from etl.errors import ContractError, UsageError
from etl.lease import confirm_for_execution
from etl.manifest import Manifest, read_manifest
from etl.model import Contract
from etl.run import Run
from etl.settings import Settings
from etl.storage import explain_storage_errors

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Request:
    """One invocation: the run it is about, and the rest of what the state knows.

    Attributes:
        execution: The execution's ARN.
        given: The state machine's state, as far as it is handed on.
        entered_at: When the state was entered; the same in all its tries.
    """

    run: Run
    execution: str
    given: Mapping[str, Any]
    entered_at: datetime

    def manifest(self) -> Manifest:
        """The run's extraction."""
        return read_manifest(
            self.run.client("s3"), keys.manifest_uri(self.run.contract, self.run.run_date)
        )


def open_request(event: Mapping[str, Any], settings: Settings) -> Request:
    """The run that an event is about.

    Raises:
        UsageError: The event lacks something, has a date or a moment that is none, or names a
            contract that lies elsewhere.
        ContractError: There is no compiled contract for the dataset.
    """
    try:
        named = event["run"]
        dataset, run_date = named["dataset"], _read_day(named, "run_date")
        uri = named.get("contract_uri") or _contract_uri(event, settings, dataset)
        execution = named["execution"]
        run = Run(
            run_id=run_id_of(execution.rpartition(":")[2], dataset),
            run_date=run_date,
            contract=_read_contract(settings, uri, dataset),
            settings=settings,
            started_at=_read_moment(named, "started_at"),
        )
        return Request(
            run=replace(run, confirm=partial(confirm_for_execution, run, execution)),
            execution=execution,
            given=event.get("given") or {},
            entered_at=_read_moment(event, "entered_at"),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"the event lacks {error}", fix="start it as stepfunctions/full_pipeline.asl.json does"
        ) from error


def run_id_of(execution: str, dataset: str) -> str:
    """The run's id: the same in all tries of all steps of an execution of that name."""
    return hashlib.sha256(f"{execution}/{dataset}".encode()).hexdigest()[:12]


def _read_day(given: Mapping[str, Any], name: str) -> date:
    return _read(date.fromisoformat, given, name, "a date", example="2026-01-31")


def _read_moment(given: Mapping[str, Any], name: str) -> datetime:
    return _read(datetime.fromisoformat, given, name, "a time", example="2026-01-31T00:15:00Z")


def _read(
    read: Callable[[str], T], given: Mapping[str, Any], name: str, what: str, *, example: str
) -> T:
    try:
        return read(given[name])
    except ValueError as error:
        raise UsageError(
            f'{name} "{given[name]}" is not {what}', fix=f"write it as {example}"
        ) from error


def _contract_uri(event: Mapping[str, Any], settings: Settings, dataset: str) -> str:
    """The compiled contract that the execution's input names, or the deployed one."""
    named = event["given"]["input"].get("contracts") or {}
    return named.get(dataset) or keys.current_contract_uri(settings.buckets.artifacts, dataset)


def _read_contract(settings: Settings, uri: str, dataset: str) -> Contract:
    prefix = f"s3://{settings.buckets.artifacts}/contracts/"
    if not uri.startswith(prefix):
        raise UsageError(f"{uri} is no compiled contract", fix=f"name one below {prefix}")
    s3 = make_client("s3", settings.aws)
    bucket, key = keys.parse_s3_uri(uri)
    with explain_storage_errors(uri):
        try:
            return Contract.from_json(get_bytes(s3, bucket=bucket, key=key).decode())
        except s3.exceptions.NoSuchKey as error:
            raise ContractError(
                f"there is no compiled contract of {dataset} ({uri})",
                fix=f"python -m etl publish-contracts --env {settings.environment}",
            ) from error
