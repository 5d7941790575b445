"""`python -m etl replay`: quarantined rows once more, after the contract or they were mended."""

from __future__ import annotations

import argparse
import os
import sys
import uuid
from pathlib import Path
from typing import Any

from etl.cli import dataset_argument, date_argument, environment_argument, flow_command
from etl.contracts import load_contract
from etl.environment import enter
from etl.errors import UsageError
from etl.replay import export_quarantine
from etl.run import Run
from etl.settings import ROOT

_SCRIPT = "full_pipeline.py"


def add_command(commands: Any) -> None:
    """Add `replay` to the subcommands of `python -m etl`."""
    parser = commands.add_parser(
        "replay",
        help="send quarantined rows through again",
        description="Transforms what raw keeps of a day under the present contract, and loads it;"
        " the source is not asked. Corrections are kept: they hold for later runs of the day.",
    )
    parser.add_argument("--dataset", type=dataset_argument, required=True)
    parser.add_argument("--run-date", type=date_argument, required=True, metavar="YYYY-MM-DD")
    parser.add_argument(
        "--env", type=environment_argument, default=os.environ.get("ETL_ENV", "local")
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--corrections", metavar="FILE", help="an exported quarantine with payloads corrected"
    )
    what.add_argument(
        "--export", metavar="FILE", help="only write the quarantined rows, to correct payloads"
    )
    parser.add_argument("--loader", choices=["copy", "data-api"], help="how to load")
    parser.add_argument("--json", action="store_true", help="print only the report, as JSON")
    parser.add_argument("--traceback", action="store_true", help="show tracebacks of failures")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    if options.export:
        _export(options)
        return
    given = vars(options) | {"replay": True}
    if options.corrections:
        given["corrections"] = str(Path(options.corrections).absolute())
    names = ("run_date", "dataset", "env", "loader", "corrections", "replay", "json", "traceback")
    script = ROOT / "flows" / _SCRIPT
    if not script.exists():
        raise UsageError(f"{script} is not there", fix="run it where the project is")
    arguments = flow_command(_SCRIPT, given, **{each: each for each in names})[2:]
    # In its place, so that signals and the exit code are the flow's own.
    os.execv(sys.executable, [sys.executable, str(script), *arguments])


def _export(options: argparse.Namespace) -> None:
    settings = enter(options.env, assume_role=False)
    run = Run(
        run_id=uuid.uuid4().hex[:12],
        run_date=options.run_date,
        contract=load_contract(options.dataset, settings=settings),
        settings=settings,
    )
    count = export_quarantine(run, Path(options.export))
    print(f"{options.export}: {count:,} rows of {options.dataset} {options.run_date}")
    print("next: correct payloads in it, each one line of text, then")
    words = ["python", "-m", "etl", "replay", "--dataset", options.dataset]
    words += ["--run-date", str(options.run_date), "--env", options.env]
    print("  " + " ".join([*words, "--corrections", options.export]))
