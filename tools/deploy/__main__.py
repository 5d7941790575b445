"""Put the flows of prefect.yaml on a Prefect server or Cloud: pool, deployments, automations.

    PREFECT_API_URL=http://127.0.0.1:4200/api python -m tools.deploy
    PREFECT_API_URL=… PREFECT_API_KEY=… python -m tools.deploy --env prod

It may be run again: what is there is brought up to date.
"""

from __future__ import annotations

import argparse
import os
import sys

from etl.arguments import environment_argument
from etl.cli import run_command


def main() -> int:
    """Deploy to the server that PREFECT_API_URL names."""
    parser = argparse.ArgumentParser(prog="python -m tools.deploy", description=__doc__)
    parser.add_argument(
        "--env",
        type=environment_argument,
        default=os.environ.get("ETL_ENV", "local"),
        help="a file in config/, by default $ETL_ENV or local",
    )
    options = parser.parse_args()
    return run_command(lambda: _deploy(options.env), again=f"make deploy ENV={options.env}")


def _deploy(environment: str) -> None:
    from tools.deploy.deployment import deploy  # imports Prefect, which takes two seconds

    deploy(environment)


if __name__ == "__main__":
    sys.exit(main())
