"""Artifacts on their way to Prefect's server. A run never fails because of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.utilities.context import get_task_and_flow_run_ids

from aws.glue.job_runs import JobRun
from etl.artifacts import Artifact
from etl.artifacts.job_progress import job_progress_artifact
from etl.artifacts.places import glue_console_url
from etl.run import Run
from etl.transform import find_last_run

log = logging.getLogger("etl")

_UPDATE_SECONDS = 5.0
_UPDATE_SHARE = 0.05  # of the time so far: every update is an event that Prefect keeps


def show(make: Callable[[], Artifact]) -> None:
    """Make an artifact of this step, and send it."""
    with _forgiving("artifact"):
        _create(make())


class JobWatch:
    """Shows a Glue job run while it is waited for: on each change of its state, else now and
    then."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._id: UUID | None = None
        self._shown = ("", "")
        self._shown_at = 0.0
        self._began_at = time.monotonic()
        self._has_failed = False
        self._earlier: JobRun | None = None

    def __call__(self, job_run: JobRun) -> None:
        """Show what a look at the run found."""
        state = (job_run.run_id, job_run.state)
        now = time.monotonic()
        pause_seconds = max(_UPDATE_SECONDS, _UPDATE_SHARE * (now - self._began_at))
        is_recent = now < self._shown_at + pause_seconds
        if self._has_failed or (state == self._shown and is_recent):
            return
        with _forgiving("progress"):
            self._send(job_run)
            self._shown, self._shown_at = state, now
            return
        self._has_failed = True

    def _send(self, job_run: JobRun) -> None:
        if self._id is None:
            self._earlier = self._find_earlier()
            self._id = _create(self._artifact(job_run))
        else:
            _update(self._id, self._artifact(job_run))

    def _find_earlier(self) -> JobRun | None:
        return find_last_run(
            self._run.client("glue"),
            settings=self._run.settings,
            dataset=self._run.contract.dataset,
        )

    def _artifact(self, job_run: JobRun) -> Artifact:
        settings = self._run.settings
        url = glue_console_url(job_run.job_name, job_run.run_id, region=settings.region)
        return job_progress_artifact(
            self._run.contract.dataset,
            job_run,
            self._earlier,
            now=datetime.now(UTC),
            console_url=url if settings.artifacts.console_links else "",
        )


@contextmanager
def _forgiving(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        log.warning("%-10s not shown in Prefect: %s", what, error)


def _create(artifact: Artifact) -> UUID:
    task_run_id, flow_run_id = get_task_and_flow_run_ids()
    created = get_client(sync_client=True).create_artifact(
        ArtifactCreate(
            key=artifact.key,
            type=artifact.kind,
            description=artifact.description or None,
            data=artifact.data,
            task_run_id=task_run_id,
            flow_run_id=flow_run_id,
        )
    )
    return created.id


def _update(artifact_id: UUID, artifact: Artifact) -> None:
    update = ArtifactUpdate(data=artifact.data, description=artifact.description or None)
    get_client(sync_client=True).update_artifact(artifact_id, update)
