"""See the event-driven side work, on the embedded cloud, from what is deployed.

    python -m local_cloud.tour

It may be run again: each tour makes files and requests of its own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from functools import partial

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from aws.clients import make_client
from etl.cli import run_command
from etl.environment import enter
from local_cloud.tour.alerts import subscribed
from local_cloud.tour.incoming_files import show_incoming_files
from local_cloud.tour.ingestion import show_ingestion
from local_cloud.tour.jobs import show_archiver, show_machine, start_machine
from local_cloud.tour.steps import Shown, Tour, TourError

_HEADINGS = ("step", "what came back", "where it lies")
_NEXT = """make up && eval "$(make env)"      keep the embedded cloud up; then any client works
make run DATASET=events RUN_DATE=$(date -u +%F)    carry the events that were sent to the warehouse
python -m etl redrive              what could not be processed, and why
python flows/archive.py            archive what the dry run named
python flows/heavy_batch.py --run-date 2026-01-02 --datasets orders,airports    the next day"""


def _tour() -> None:
    settings = enter("local", assume_role=False)
    tour = Tour.begin(settings, partial(make_client, config=settings.aws))
    shown: list[Shown] = []
    try:
        for each in _steps(tour):
            shown.append(each)
    except (BotoCoreError, ClientError) as error:
        raise TourError(f"AWS refused a step: {error}", fix="see make status") from error
    finally:
        _print(shown)
    print(f"\nwhat to try next\n{_indented(_NEXT)}")


def _steps(tour: Tour) -> Iterator[Shown]:
    """The steps; the state machine works while the others are shown."""
    batch = start_machine(tour)
    with subscribed(tour) as show_alert:
        yield from show_ingestion(tour)
        yield from show_incoming_files(tour)
        yield show_alert()
    yield show_archiver(tour)
    yield show_machine(batch)


def _print(shown: list[Shown]) -> None:
    if not shown:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in _HEADINGS:
        table.add_column(heading, overflow="fold")
    for each in shown:
        table.add_row(each.step, each.answer, each.place)
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:  # a pipe gets lines whole
        console.width = 1_000_000
        console.width = console.measure(table).maximum
    console.print()
    console.print(table)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def main() -> int:
    """Make the tour; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m local_cloud.tour", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--traceback", action="store_true", help="show tracebacks of failures")
    options = parser.parse_args()
    return run_command(
        _tour,
        again="python -m local_cloud.tour",
        show_traceback=options.traceback,
        stopped="stopped. What was sent and put stays; another tour makes its own.",
    )


if __name__ == "__main__":
    sys.exit(main())
