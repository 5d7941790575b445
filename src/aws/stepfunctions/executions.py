"""Start an execution, look at one, follow one to its end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

ACTIVE_STATUSES = frozenset({"RUNNING", "PENDING_REDRIVE"})
# All others are terminal: SUCCEEDED, FAILED, TIMED_OUT, ABORTED.

_FIRST_POLL_SECONDS = 0.2
_POLL_GROWTH = 1.5


@dataclass(frozen=True, kw_only=True)
class Execution:
    """What Step Functions knows of an execution.

    Attributes:
        output: What it ended with; None unless it has SUCCEEDED.
        error, cause: Why it did not succeed; "" if it did, or has not ended.
    """

    arn: str
    name: str
    status: str
    started_at: datetime
    stopped_at: datetime | None
    input: Any
    output: Any
    error: str
    cause: str

    @property
    def is_active(self) -> bool:
        """Whether it is still going."""
        return self.status in ACTIVE_STATUSES


@dataclass(frozen=True, kw_only=True)
class StateEntered:
    """A state that an execution came to.

    Attributes:
        kind: The state's type, e.g. "Task".
        input: What came in.
    """

    event_id: int
    at: datetime
    kind: str
    name: str
    input: Any


class ExecutionTimeoutError(TimeoutError):
    """The execution was still going at the deadline; it has not been stopped."""

    def __init__(self, execution: Execution, timeout_minutes: float) -> None:
        super().__init__(execution, timeout_minutes)
        self.execution = execution
        self.timeout_minutes = timeout_minutes

    def __str__(self) -> str:
        return f"execution {self.execution.arn} still runs after {self.timeout_minutes:g} minutes"


def start_execution(
    client: SFNClient, *, state_machine_arn: str, name: str, given: Any
) -> str | None:
    """Start an execution under a name that none has had in 90 days.

    Args:
        given: Its input, a JSON value.

    Returns:
        Its ARN; None if the name is taken.
    """
    try:
        return client.start_execution(
            stateMachineArn=state_machine_arn,
            name=name,
            input=json.dumps(given, sort_keys=True),
        )["executionArn"]
    except client.exceptions.ExecutionAlreadyExists:
        return None


def describe_execution(client: SFNClient, *, execution_arn: str) -> Execution | None:
    """The execution as it is; None if there is none of that name."""
    try:
        found = client.describe_execution(executionArn=execution_arn)
    except client.exceptions.ExecutionDoesNotExist:
        return None
    output = found.get("output")
    return Execution(
        arn=found["executionArn"],
        name=found["name"],
        status=found["status"],
        started_at=found["startDate"],
        stopped_at=found.get("stopDate"),
        input=json.loads(found.get("input") or "{}"),
        output=json.loads(output) if output else None,
        error=found.get("error", ""),
        cause=found.get("cause", ""),
    )


def list_states_entered(
    client: SFNClient, *, execution_arn: str, after_id: int = 0
) -> list[StateEntered]:
    """The states that the execution came to, in order; those after an event that is known."""
    pages = client.get_paginator("get_execution_history").paginate(executionArn=execution_arn)
    events = (event for page in pages for event in page["events"] if event["id"] > after_id)
    return [
        StateEntered(
            event_id=event["id"],
            at=event["timestamp"],
            kind=event["type"].removesuffix("StateEntered"),
            name=event["stateEnteredEventDetails"]["name"],
            input=json.loads(event["stateEnteredEventDetails"].get("input") or "null"),
        )
        for event in events
        if "stateEnteredEventDetails" in event
    ]


def wait_for_execution(
    client: SFNClient,
    *,
    execution_arn: str,
    poll_seconds: float,
    timeout_minutes: float,
    on_state: Callable[[StateEntered], None] | None = None,
) -> Execution:
    """Wait until the execution has ended, however it did.

    Args:
        poll_seconds: The longest wait between two looks; the first ones are shorter.
        timeout_minutes: After that it is left to itself.
        on_state: Called for each state that it came to, in order.

    Raises:
        ExecutionTimeoutError: It took too long.
    """
    deadline = time.monotonic() + timeout_minutes * 60
    wait_seconds = min(_FIRST_POLL_SECONDS, poll_seconds)
    last_id = 0
    while True:
        execution = describe_execution(client, execution_arn=execution_arn)
        if execution is None:
            raise LookupError(f"there is no execution {execution_arn}")
        if on_state is not None:
            for state in list_states_entered(client, execution_arn=execution_arn, after_id=last_id):
                last_id = state.event_id
                on_state(state)
        if not execution.is_active:
            return execution
        if time.monotonic() >= deadline:
            raise ExecutionTimeoutError(execution, timeout_minutes)
        time.sleep(wait_seconds)
        wait_seconds = min(wait_seconds * _POLL_GROWTH, poll_seconds)
