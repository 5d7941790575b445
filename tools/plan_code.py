"""What Terraform would make of an environment, from nothing but the code.

    python -m tools.plan_code --env prod

It plans against an empty embedded cloud: no account is asked, no state is read. What an account
already has is for `make plan`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.lint_terraform import FOLDER, ROOT, environment, plugin_options

from etl.arguments import environment_argument
from etl.cli import run_command
from etl.errors import EtlError, UsageError
from etl.settings import load_settings

# The root's own backend is a bucket, which nobody has made here.
_BACKEND = 'terraform {\n  backend "local" {}\n}\n'
_BESIDE = ("_glue-job", "build")  # what terraform/ names by relative paths


class PlanError(EtlError):
    """Terraform does not plan it."""


def plan_code(name: str) -> None:
    """Print the plan.

    Raises:
        UsageError: Terraform is not installed.
        SettingsError: There is no such environment, or its settings are wrong.
        PlanError: The code cannot be planned.
    """
    if shutil.which("terraform") is None:
        raise UsageError("terraform is not installed", fix="install Terraform 1.11 or later")
    copy_role = load_settings(name).warehouse.copy_role_arn.rpartition("/")[2]
    account = load_settings("local").account_id
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        variables = environment(place / "data") | {
            "LOCAL_CLOUD_HOME": str(place / "cloud"),
            "ETL_WAREHOUSE__COPY_ROLE_ARN": f"arn:aws:iam::{account}:role/{copy_role}",
        }
        cloud = ("-m", "local_cloud")
        try:
            exports = _call((*cloud, "attach", "--bare", "--owner", str(os.getpid())), variables)
            variables |= dict(line.split("=", 1) for line in exports.splitlines())
            _call(("tools/package.py", "--target", "host"), variables)
            described = ("--env", name, "--packages", "build/host", "--output", folder)
            _call(("-m", "etl", "infrastructure", *described), variables)
            _terraform(place / "terraform", variables, place / f"{name}.json")
        finally:
            _call((*cloud, "down"), variables)


def _call(command: tuple[str, ...], variables: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=variables | {"PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode != 0:
        raise PlanError(f"{' '.join(command)} failed:\n{done.stderr.strip()}", fix="mend that")
    return done.stdout


def _terraform(folder: Path, variables: dict[str, str], document: Path) -> None:
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns(".terraform"))
    for name in _BESIDE:
        (folder.parent / name).symlink_to(ROOT / name)
    (folder / "backend_override.tf").write_text(_BACKEND, encoding="utf-8")
    made = subprocess.run(
        ["terraform", "init", "-no-color", *plugin_options()],
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if made.returncode != 0:
        raise PlanError(f"terraform init failed:\n{made.stdout.strip()}", fix="mend that")
    options = (f"-var=deployment_file={document}", "-var=s3_use_path_style=true")
    planned = subprocess.run(
        ["terraform", "plan", "-no-color", *options], cwd=folder, env=variables
    )
    if planned.returncode != 0:
        raise PlanError("terraform cannot plan it", fix="mend what it says above")


def main() -> int:
    """Print the plan of the environment that is named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--env", type=environment_argument, default="dev")
    name = parser.parse_args().env
    return run_command(lambda: plan_code(name), again=f"python -m tools.plan_code --env {name}")


if __name__ == "__main__":
    sys.exit(main())
