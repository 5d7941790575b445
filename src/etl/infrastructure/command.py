"""`python -m etl infrastructure`: what Terraform reads of an environment, written to build/."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from etl.infrastructure.variables import BUILD, deployment, state_place
from etl.settings import load_settings


def add_command(commands: Any) -> None:
    """Add `infrastructure` to the subcommands of `python -m etl`."""
    parser = commands.add_parser(
        "infrastructure",
        help="write what Terraform reads of config/ and the contracts",
        description="Writes build/terraform/<env>.json, and <env>.backend.hcl: where the state"
        " lies. Asks AWS nothing.",
    )
    parser.add_argument("--env", default=os.environ.get("ETL_ENV", "local"))
    parser.add_argument("--packages", type=Path, default=BUILD, help="the archives' folder")
    parser.add_argument("--output", type=Path, default=BUILD / "terraform", help="a folder")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    settings = load_settings(options.env)
    account_id = settings.account_id
    document = deployment(settings, account_id, packages=options.packages.resolve())
    backend = state_place(settings, account_id) | {"use_lockfile": True}
    options.output.mkdir(parents=True, exist_ok=True)
    written = {
        options.output / f"{options.env}.json": json.dumps(document, indent=1, sort_keys=True),
        options.output
        / f"{options.env}.backend.hcl": "\n".join(
            f"{name} = {json.dumps(value)}" for name, value in backend.items()
        ),
    }
    for path, text in written.items():
        path.write_text(text + "\n", encoding="utf-8")
        print(path)
