"""Start the runs that carry what was accepted: one for a dataset's date and window of time.

A run starts when the window has ended in which the records were committed, so it has them all. Its
name says which window it is of: who starts it again, in whatever process, starts nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from aws.clients import AwsConfig, make_client
from aws.stepfunctions import start_execution
from etl.ingest.deployment import Deployment
from etl.ingest.window import Window
from etl.secrets import read_secret

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

log = logging.getLogger("etl")

Start = Callable[[Window], None]


def _now() -> datetime:
    return datetime.now(UTC)


class Starter:
    """Starts the run of the window that it is asked in; a failure is logged, and nothing else."""

    def __init__(
        self, start: Start, *, window_minutes: int, clock: Callable[[], datetime] = _now
    ) -> None:
        self._start = start
        self._minutes = window_minutes
        self._clock = clock
        self._started: dict[tuple[str, date], Window] = {}

    def __call__(self, dataset: str, run_date: date) -> None:
        """To be called when records of the dataset's date have been committed."""
        window = Window.at(self._clock(), dataset, run_date, minutes=self._minutes)
        if self._started.get((dataset, run_date)) == window:
            return
        try:
            self._start(window)
        except Exception as error:
            # The records are safe whatever it is, and their sender cannot mend it.
            log.error("run %s was not started: %s: %s", window.name, type(error).__name__, error)
        else:
            self._started[dataset, run_date] = window


def start_by_state_machine(client: SFNClient, *, state_machine_arn: str) -> Start:
    """Runs are executions of the state machine, which wait for their window's end."""

    def start(window: Window) -> None:
        given = {
            "run_date": window.run_date.isoformat(),
            "datasets": [window.dataset],
            "not_before": window.starts_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        # A name that is taken is the window's run.
        start_execution(client, state_machine_arn=state_machine_arn, name=window.name, given=given)

    return start


def make_starter(text: str, *, function_arn: str) -> Starter:
    """What the function's variable ON_ACCEPT says, see `etl.ingest.openapi.function_environment`.

    Args:
        function_arn: Of the function itself: the state machine is in its account and region.
    """
    wanted: dict[str, Any] = json.loads(text)
    _, partition, _, region, account, *_ = function_arn.split(":")
    # A request waits for the start: it has to be over before the function's time is.
    config = AwsConfig(
        region=region, max_attempts=2, connect_timeout_seconds=2, read_timeout_seconds=4
    )
    if wanted["start"] == "state_machine":
        name = wanted["state_machine"]
        start = start_by_state_machine(
            make_client("stepfunctions", config),
            state_machine_arn=f"arn:{partition}:states:{region}:{account}:stateMachine:{name}",
        )
    else:
        secret = wanted["secret"]
        start = Deployment(
            api_url=wanted["api_url"],
            name=wanted["deployment"],
            environment=wanted["environment"],
            read_key=lambda: (
                read_secret(make_client("secretsmanager", config), secret).text if secret else ""
            ),
        ).start
    return Starter(start, window_minutes=wanted["window_minutes"])
