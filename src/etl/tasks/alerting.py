"""What tells people of a failed flow run."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State
from prefect.flows import FlowStateHook

from etl.failures import alert_of_failure
from etl.tasks.due import run_date_due


def alert_on_failure(
    command: Callable[[Mapping[str, Any]], Sequence[str] | None],
) -> FlowStateHook[..., Any]:
    """A flow's hook that sends one alert for a failed run, however often its steps were tried.

    Args:
        command: Makes of the run's parameters what runs it again; None for runs whose failure
            another one tells of.
    """

    async def alert(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
        given = dict(flow_run.parameters)  # those that were left out are not among them
        if "run_date" in flow.parameters.properties and not given.get("run_date"):
            given["run_date"] = run_date_due(flow_run.expected_start_time)
        again = command(given)
        if again is None:
            return
        run_date = given.get("run_date")
        alert_of_failure(
            await state.aresult(raise_on_failure=False),
            what=flow.name,
            environment=given["env"],
            dataset=given.get("dataset", ""),
            run_date=date.fromisoformat(str(run_date)[:10]) if run_date else None,
            next_command=shlex.join(again),
        )

    return alert
