"""The main job: one day of a dataset from its source to a query, each stage a step below.

python flows/full_pipeline.py --run-date 2026-01-01
"""

from __future__ import annotations

import _bootstrap  # noqa: F401  isort: skip  src/ on the path before anything of it is imported

from etl import prefect_server
from etl.flow_arguments import open_command, pipeline_arguments

if __name__ == "__main__":  # before Prefect is imported, which takes a second
    options = open_command(pipeline_arguments)
    if options.plan:
        from etl.planning.command import main as show_plan

        raise SystemExit(show_plan(options))
    prefect_server.begin()

import argparse
import shlex
import sys
from collections.abc import Mapping
from datetime import date
from typing import Literal

from prefect import flow, runtime

from etl import cli, tasks
from etl.at_work import take_up
from etl.lease import hold
from etl.manifest import Manifest
from etl.report import RunReport
from etl.report_text import print_report
from etl.run import Done, Run


def _flow_run_name() -> str:
    given = runtime.flow_run.parameters
    words = f"{given['dataset']} {given['run_date'] or tasks.run_date_due()}"
    return f"{words} replay" if given.get("replay") else words


def _again(given: Mapping[str, object]) -> list[str] | None:
    if given.get("backfill_from"):  # the backfill tells of its dates
        return None
    names = ("run_date", "dataset", "env", "loader", "engine", "replay", "corrections")
    options = {each: each for each in names}
    return cli.flow_command("full_pipeline.py", given, **options)


@flow(
    name="full-pipeline",
    flow_run_name=_flow_run_name,
    log_prints=False,
    on_failure=[tasks.alert_on_failure(_again)],
)
def full_pipeline(
    run_date: date | None = None,
    dataset: str = "orders",
    env: str = "local",
    loader: Literal["copy", "data-api"] | None = None,
    engine: Literal["auto", "duckdb", "spark"] | None = None,
    backfill_from: date | None = None,
    replay: bool = False,
    corrections: str | None = None,
) -> RunReport:
    """Extract, transform, validate, load and publish one day of a dataset.

    Args:
        run_date: The day; None, as a schedule gives it, is the UTC day before the run was due.
        dataset: A contract in config/contracts/.
        env: A file in config/.
        loader: How to load; None for what the environment says.
        engine: What transforms; None for what the environment says.
        backfill_from: The first date of the backfill that this is a part of.
        replay: Take what raw keeps of the day; the source is not asked.
        corrections: For a replay: a file of quarantined rows with other payloads.
    """
    run = tasks.start(
        environment=env,
        dataset=dataset,
        run_date=run_date or tasks.run_date_due(),
        loader=loader,
        engine=engine,
        backfill_from=backfill_from,
    )
    with hold(run) as held:
        if replay:
            return _carry(held, tasks.replay(held, run, corrections=corrections))
        held = take_up(held)
        return _carry(held, tasks.extract(held, run))


def _carry(run: Run, extracted: Done[Manifest]) -> RunReport:
    if not run.contract.is_transformed:
        finished = tasks.finish(run, extracted, extracted)
        return tasks.report(run, extracted, None, None, None, None, finished)
    transformed = tasks.transform(run, extracted)
    validated = tasks.validate(run, transformed)
    loaded = tasks.load(run, extracted, transformed, validated) if run.contract.is_loaded else None
    published = tasks.publish(run, extracted, transformed, validated, loaded)
    finished = tasks.finish(run, extracted, published)
    return tasks.report(run, extracted, transformed, validated, loaded, published, finished)


def main(options: argparse.Namespace) -> int:
    """Run the flow from the command line; the report goes to standard output."""

    def run() -> None:
        with tasks.command_line():
            report = full_pipeline(
                run_date=options.run_date,
                dataset=options.dataset,
                env=options.env,
                loader=options.loader,
                engine=options.engine,
                replay=options.replay,
                corrections=options.corrections,
            )
        if options.json:
            print(report.to_json())
        else:
            print_report(report)

    again = shlex.join(["python", "flows/full_pipeline.py", *sys.argv[1:]])
    return cli.run_command(run, again=again, show_traceback=options.traceback)


if __name__ == "__main__":
    sys.exit(main(options))
