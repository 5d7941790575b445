"""`python -m etl infrastructure`: what Terraform reads of an environment, written to build/."""

from __future__ import annotations

import argparse
import json

from etl.infrastructure.variables import BUILD, deployment, state_place
from etl.settings import load_settings


def run(options: argparse.Namespace) -> None:
    """Run the command with its options."""
    settings = load_settings(options.env)
    account_id = settings.account_id
    document = deployment(settings, account_id, packages=(options.packages or BUILD).resolve())
    backend = state_place(settings, account_id) | {"use_lockfile": True}
    output = options.output or BUILD / "terraform"
    output.mkdir(parents=True, exist_ok=True)
    written = {
        output / f"{options.env}.json": json.dumps(document, indent=1, sort_keys=True),
        output
        / f"{options.env}.backend.hcl": "\n".join(
            f"{name} = {json.dumps(value)}" for name, value in backend.items()
        ),
    }
    for path, text in written.items():
        path.write_text(text + "\n", encoding="utf-8")
        print(path)
