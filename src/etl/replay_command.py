"""`python -m etl replay`: quarantined rows once more, after the contract or they were mended."""

from __future__ import annotations

import argparse
import os
import sys
import uuid
from pathlib import Path

from etl.cli import flow_command
from etl.contracts import load_contract
from etl.environment import enter
from etl.errors import UsageError
from etl.replay import export_quarantine
from etl.root import ROOT
from etl.run import Run

_SCRIPT = "full_pipeline.py"


def run(options: argparse.Namespace) -> None:
    """Run the command with its options."""
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
