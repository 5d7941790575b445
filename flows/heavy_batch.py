"""Many datasets of one run date, by the state machine: no process of ours has to stay.

python flows/heavy_batch.py --run-date 2026-01-01 --datasets orders,airports
"""

from __future__ import annotations

import _bootstrap  # noqa: F401  isort: skip  src/ on the path before anything of it is imported

from etl import prefect_server
from etl.flow_arguments import batch_arguments, open_command

if __name__ == "__main__":  # before Prefect is imported, which takes a second
    options = open_command(batch_arguments)
    prefect_server.begin()

import argparse
import json
import shlex
import sys
from datetime import date
from typing import Any

from prefect import flow, runtime

from etl import cli, tasks
from etl.batch.report_text import print_batch


def _flow_run_name() -> str:
    given = runtime.flow_run.parameters
    return f"{', '.join(given['datasets'])} {given['run_date'] or tasks.run_date_due()}"


@flow(name="heavy-batch", flow_run_name=_flow_run_name, log_prints=False)
def heavy_batch(
    datasets: list[str], run_date: date | None = None, env: str = "local", again: bool = False
) -> dict[str, Any]:
    """Run the state machine for some datasets and follow it to its end.

    Args:
        datasets: Contracts in config/contracts/.
        run_date: The day; None, as a schedule gives it, is the UTC day before the run was due.
        env: A file in config/.
        again: Run once more what has succeeded.
    """
    batch = tasks.start_batch(
        environment=env,
        run_date=run_date or tasks.run_date_due(),
        datasets=datasets,
        again=again,
        prefect_flow_run_id=str(runtime.flow_run.id or ""),
    )
    return tasks.follow_batch(batch)


def main(options: argparse.Namespace) -> int:
    """Run the flow from the command line; the report goes to standard output."""

    def run() -> None:
        with tasks.command_line():
            report = heavy_batch(
                datasets=options.datasets,
                run_date=options.run_date,
                env=options.env,
                again=options.again,
            )
        if options.json:
            print(json.dumps(report, indent=2))
        else:
            print_batch(report)

    return cli.run_command(
        run,
        again=shlex.join(["python", "flows/heavy_batch.py", *sys.argv[1:]]),
        show_traceback=options.traceback,
        stopped="stopped watching. The execution goes on: the same command attaches to it.",
    )


if __name__ == "__main__":
    sys.exit(main(options))
