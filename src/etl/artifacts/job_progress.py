"""How far a Glue job run has come. Glue does not say, so it is estimated and called that."""

from __future__ import annotations

from datetime import UTC, datetime

from aws.glue.job_runs import JobRun
from etl.artifacts.artifact import Artifact, artifact_key, code, duration, plain, shorten

_AT_EXPECTED_PERCENT = 90.0


def estimate_percent(elapsed_seconds: float, expected_seconds: float) -> float:
    """A share of the expected time, up to 90 %; what takes longer gets ever closer to 100 %."""
    elapsed, expected = max(elapsed_seconds, 0.0), max(expected_seconds, 1.0)
    if elapsed <= expected:
        return _AT_EXPECTED_PERCENT * elapsed / expected
    return 100.0 - (100.0 - _AT_EXPECTED_PERCENT) * expected / elapsed


def job_progress_artifact(
    dataset: str, run: JobRun, earlier: JobRun | None, *, now: datetime, console_url: str = ""
) -> Artifact:
    """A job run as it is at a moment: a percentage if there is an earlier run to go by, else text.

    Args:
        earlier: The dataset's last run that succeeded.
        console_url: Of the run's page, if there is one.
    """
    elapsed = _seconds(run, now)
    state = f"**{run.state}** for {duration(elapsed)}" if run.is_active else _ended(run, elapsed)
    lines = [f"{plain(dataset)} {run.arguments.get('run_date', '')}: {state}"]
    name = f"{plain(run.job_name)}, run {code(run.run_id)}"
    lines.append(f"[{name}]({console_url})" if console_url else name)
    lines.append(
        f"log: CloudWatch log group {code(run.log_group + '/error')}, the stream of that name"
    )
    if earlier is None:
        lines.append("No run to compare it with: the dataset's first, or the last ones are gone")
        percent = None
    else:
        expected = _seconds(earlier, now)
        took = f"the dataset's last run that succeeded took {duration(expected)}"
        lines.append(f"An estimate: {took}" if run.is_active else f"For comparison: {took}")
        percent = estimate_percent(elapsed, expected)
    description = "\n\n".join(lines)
    key = artifact_key(dataset, "glue")
    if percent is None:
        return Artifact(key=key, content=description)
    done = 100.0 if run.state == "SUCCEEDED" else round(percent, 1)
    return Artifact(key=key, content=done, description=description)


def _ended(run: JobRun, elapsed: float) -> str:
    reason = f": {plain(shorten(run.error_message, 500))}" if run.error_message else ""
    return f"**{run.state}** after {duration(elapsed)}{reason}"


def _seconds(run: JobRun, now: datetime) -> float:
    if run.started_on is None:
        return float(run.execution_seconds)
    return max(((run.completed_on or now).astimezone(UTC) - run.started_on).total_seconds(), 0.0)
