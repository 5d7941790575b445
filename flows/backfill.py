"""Every run date of a range, some side by side; the live watermark stays where it is.

python flows/backfill.py --dataset orders --from 2025-12-01 --to 2025-12-31 --max-parallel 4
"""

from __future__ import annotations

import _bootstrap  # noqa: F401  isort: skip  src/ on the path before anything of it is imported

from etl import prefect_server
from etl.flow_arguments import backfill_arguments, open_command

if __name__ == "__main__":  # before Prefect is imported, which takes a second
    options = open_command(backfill_arguments)
    prefect_server.begin()

import argparse
import shlex
import sys
from collections.abc import Mapping
from datetime import date
from typing import Literal

from prefect import flow, runtime

from etl import cli, tasks
from etl.backfill import check_source, dates_between, find_done, run_dates
from etl.backfill_report import (
    BackfillError,
    BackfillReport,
    DateResult,
    print_backfill,
    show_progress,
)
from etl.report import RunReport
from full_pipeline import full_pipeline

_STOPPING = "stopping: dates at work come to their end; once more to leave them"


def _flow_run_name() -> str:
    given = runtime.flow_run.parameters
    return f"{given['dataset']} {given['first']} to {given['last']}"


def _again(given: Mapping[str, object]) -> list[str]:
    options = {"dataset": "dataset", "from_": "first", "to": "last", "env": "env"}
    return cli.flow_command(
        "backfill.py", given, **options, loader="loader", engine="engine", force="force"
    )


@flow(
    name="backfill",
    flow_run_name=_flow_run_name,
    log_prints=False,
    on_failure=[tasks.alert_on_failure(_again)],
)
def backfill(
    first: date,
    last: date,
    dataset: str = "orders",
    env: str = "local",
    loader: Literal["copy", "data-api"] | None = None,
    engine: Literal["auto", "duckdb", "spark"] | None = None,
    max_parallel: int = 4,
    force: bool = False,
) -> BackfillReport:
    """Run the full pipeline for every date of a range that it has not been run for.

    Args:
        first, last: The range; both dates belong to it.
        dataset: A contract in config/contracts/.
        env: A file in config/.
        loader: How to load; None for what the environment says.
        engine: What transforms; None for what the environment says.
        max_parallel: Dates at work at the same time.
        force: Run the dates that are done, too.

    Raises:
        BackfillError: Some dates failed, or the backfill was stopped before their turn.
    """
    dates = dates_between(first, last)
    run = tasks.start(environment=env, dataset=dataset, run_date=first, loader=loader)
    check_source(run.contract)
    done = {} if force else find_done(run, dates)
    results = {
        day: DateResult(run_date=day, status="skipped", rows=rows) for day, rows in done.items()
    }

    def run_date(day: date) -> RunReport:
        return tasks.after(run, full_pipeline)(
            run_date=day,
            dataset=dataset,
            env=env,
            loader=loader,
            engine=engine,
            backfill_from=first,
        )

    todo = [day for day in dates if day not in done]
    with cli.stop_gently(_STOPPING) as stopping, show_progress(len(todo)) as show:
        for result in run_dates(todo, run_date, max_parallel=max_parallel, stopping=stopping):
            results[result.run_date] = result
            show(result)
    report = BackfillReport(
        dataset=dataset,
        environment=env,
        dates=tuple(
            results.get(day) or DateResult(run_date=day, status="not run") for day in dates
        ),
    )
    tasks.show_backfill(report)
    if not report.is_complete:
        raise BackfillError.of(report)
    return report


def main(options: argparse.Namespace) -> int:
    """Run the flow from the command line; the table of dates goes to standard output."""

    def run() -> None:
        dates_between(options.first, options.last)
        try:
            with tasks.command_line():
                report = backfill(
                    first=options.first,
                    last=options.last,
                    dataset=options.dataset,
                    env=options.env,
                    loader=options.loader,
                    engine=options.engine,
                    max_parallel=options.max_parallel,
                    force=options.force,
                )
        except BackfillError as error:
            _show(error.report, options.json)
            if error.report.was_stopped:
                raise KeyboardInterrupt from None
            raise
        _show(report, options.json)

    return cli.run_command(
        run,
        again=shlex.join(["python", "flows/backfill.py", *sys.argv[1:]]),
        show_traceback=options.traceback,
        stopped="stopped. The same command goes on with the dates that are not done.",
        speaker="etl.backfill",
    )


def _show(report: BackfillReport, as_json: bool) -> None:
    if as_json:
        print(report.to_json())
    else:
        print_backfill(report)


if __name__ == "__main__":
    sys.exit(main(options))
