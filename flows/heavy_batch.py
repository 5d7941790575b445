"""Many datasets of one run date, by the state machine: no process of ours has to stay.

python flows/heavy_batch.py --run-date 2026-01-01 --datasets orders,airports
"""

from __future__ import annotations

import _bootstrap  # noqa: F401  isort: skip  src/ on the path before anything of it is imported

import argparse
import json
import os
import shlex
import sys
from datetime import date
from typing import Any

from prefect import flow, runtime

from etl import cli, tasks
from etl.batch.report_text import print_batch

EXAMPLES = """examples:
  python flows/heavy_batch.py --run-date 2026-01-01 --datasets orders,airports
  python flows/heavy_batch.py --run-date 2026-01-01 --datasets orders,airports --again
  python flows/heavy_batch.py --run-date 2026-01-01 --datasets orders --env prod --json

While an execution of the same date and datasets runs, the command attaches to it. Once it has
succeeded, its result is shown; --again runs it once more. Ctrl-C leaves it running.
"""


def _flow_run_name() -> str:
    given = runtime.flow_run.parameters
    return f"{', '.join(given['datasets'])} {given['run_date'] or cli.yesterday()}"


@flow(name="heavy-batch", flow_run_name=_flow_run_name, log_prints=False)
def heavy_batch(
    datasets: list[str], run_date: date | None = None, env: str = "local", again: bool = False
) -> dict[str, Any]:
    """Run the state machine for some datasets and follow it to its end.

    Args:
        datasets: Contracts in config/contracts/.
        run_date: The day; None, as a schedule gives it, is yesterday (UTC).
        env: A file in config/.
        again: Run once more what has succeeded.
    """
    batch = tasks.start_batch(
        environment=env,
        run_date=run_date or cli.yesterday(),
        datasets=datasets,
        again=again,
        prefect_flow_run_id=str(runtime.flow_run.id or ""),
    )
    return tasks.follow_batch(batch)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="heavy_batch.py",
        description="Carry one day of many datasets to the warehouse by Step Functions.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--run-date",
        type=cli.date_argument,
        required=True,
        metavar="YYYY-MM-DD",
        help="the day to run",
    )
    parser.add_argument(
        "--datasets",
        type=lambda text: [cli.dataset_argument(each.strip()) for each in text.split(",")],
        required=True,
        metavar="A,B,…",
        help="contracts in config/contracts/",
    )
    parser.add_argument(
        "--env",
        type=cli.environment_argument,
        default=os.environ.get("ETL_ENV", "local"),
        help="a file in config/, by default $ETL_ENV or local",
    )
    parser.add_argument("--again", action="store_true", help="run once more what has succeeded")
    parser.add_argument("--json", action="store_true", help="print only the report, as JSON")
    parser.add_argument("--traceback", action="store_true", help="show tracebacks of failures")
    return parser.parse_args()


def main() -> int:
    """Run the flow from the command line; the report goes to standard output."""
    options = _arguments()

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
    sys.exit(main())
