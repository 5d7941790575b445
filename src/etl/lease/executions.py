"""The leases of the state machine's executions: held as long as the execution is at work.

Step Functions says whether it is. So nothing has to be renewed between its steps, and whatever
ends the execution ends its leases.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from etl.errors import LeaseLostError
from etl.lease.places import is_running, places_of
from etl.lease.record import Lease
from etl.lease.take import Taking
from etl.run import Run


def take_for_execution(run: Run, execution: str) -> None:
    """Keep other runs from the run's dataset and run date; done again, it changes nothing.

    Args:
        execution: Its ARN.

    Raises:
        LeaseHeldError: Another run is at work.
    """
    mine = Lease(
        holder=execution,
        who=f"execution {execution.rpartition(':')[2]}",
        host="",
        seconds=0,
    )
    for place in places_of(run):
        Taking(place, runs=partial(is_running, run)).take(mine)


def confirm_for_execution(run: Run, execution: str) -> None:
    """Make sure that the execution has its leases.

    Raises:
        LeaseLostError: Another run has, because the execution had ended.
    """
    for place in places_of(run):
        found = place.read()
        if found is None or found.lease.is_over or found.lease.holder != execution:
            raise LeaseLostError(
                f"{place.what}: it is no longer execution {execution.rpartition(':')[2]}'s",
                fix="start another execution",
            )


def give_back(run: Run, execution: str) -> None:
    """Let the next run have them, although the execution may go on with other datasets."""
    for place in places_of(run):
        found = place.read()
        if found is not None and found.lease.holder == execution and not found.lease.is_over:
            place.swap(replace(found.lease, is_over=True), found.etag)
