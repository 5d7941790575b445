"""Refuse Terraform that is not formatted, not valid, or fails its modules' own tests.

    python tools/lint_terraform.py             # what is not installed is said, and not looked at
    python tools/lint_terraform.py --strict    # and is a failure: for CI

The AWS provider comes from a file-system mirror if there is one, else from Terraform's registry.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "terraform"
ROOTS = (FOLDER, FOLDER / "bootstrap")  # what is initialised; modules are checked with it
_PROVIDER = "registry.terraform.io/hashicorp/aws"
_MIRRORS = ("~/.terraform.d/plugins", "/usr/local/share/terraform/plugins", "/opt/*")


class Unavailable(Exception):
    """What Terraform needs is not here."""


def plugin_options() -> list[str]:
    """Options of `terraform init` that have providers taken from a mirror on this machine.

    None where a configuration file of Terraform's says where they are, or where there is no mirror.
    """
    if Path(os.environ.get("TF_CLI_CONFIG_FILE", "~/.terraformrc")).expanduser().is_file():
        return []
    for pattern in _MIRRORS:
        folder = Path(pattern).expanduser()
        for found in sorted(folder.parent.glob(folder.name)):
            if (found / _PROVIDER).is_dir():
                return [f"-plugin-dir={found}"]
    return []


def environment(data: Path) -> dict[str, str]:
    """Variables for Terraform's commands: quiet, and what it installs in `data`."""
    return os.environ | {
        "CHECKPOINT_DISABLE": "1",
        "TF_DATA_DIR": str(data),
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
    }


def problems() -> Iterator[str]:
    """What is wrong, as Terraform says it.

    Raises:
        Unavailable: Terraform or the AWS provider is not here.
    """
    if shutil.which("terraform") is None:
        raise Unavailable("terraform is not installed")
    unformatted = _run(["fmt", "-check", "-recursive", "-list=true"], FOLDER, dict(os.environ))
    for name in unformatted.stdout.splitlines():
        yield f"terraform/{name} is not formatted: terraform fmt -recursive terraform"
    if unformatted.returncode not in (0, 3):  # 3: something is not formatted
        yield unformatted.stderr
    for root in ROOTS:
        yield from _examine(root, "validate")
    for tests in sorted(FOLDER.glob("modules/*/*.tftest.hcl")):
        yield from _examine(tests.parent, "test")


def _examine(root: Path, command: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as data:
        # In a copy: init writes the lock file, which may be of other platforms too.
        copy = Path(data) / "terraform"
        shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns(".terraform"))
        place, variables = copy / root.relative_to(FOLDER), environment(Path(data) / "data")
        made = _run(["init", "-backend=false", *plugin_options()], place, variables)
        if "provider packages" in made.stderr:
            raise Unavailable(f"terraform cannot get the AWS provider:\n{made.stderr.strip()}")
        found = made if made.returncode else _run([command], place, variables)
        if found.returncode:
            yield f"{root.relative_to(ROOT)}: {(found.stderr or found.stdout).strip()}"


def _run(
    arguments: list[str], folder: Path, variables: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    command = ["terraform", arguments[0], "-no-color", *arguments[1:]]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)


def main() -> int:
    """Say what is wrong; 1 if anything is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--strict", action="store_true", help="fail where it cannot be checked")
    options = parser.parse_args()
    try:
        found = list(problems())
    except Unavailable as error:
        print(f"terraform/ was not checked: {error}", file=sys.stderr)
        return 1 if options.strict else 0
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
