"""The day that a flow run is for, where nobody has named one."""

from __future__ import annotations

from datetime import UTC, date, datetime

from prefect import runtime


def run_date_due(due: datetime | None = None) -> date:
    """The UTC day before a flow run was due: the same, however late it starts or is retried.

    Args:
        due: When it was; None asks Prefect about the run that this is called in.
    """
    due = due or runtime.flow_run.scheduled_start_time or datetime.now(UTC)
    return date.fromordinal(due.astimezone(UTC).toordinal() - 1)  # plain, unlike Pendulum's
