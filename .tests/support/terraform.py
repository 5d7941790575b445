"""Terraform on a copy of terraform/, against an embedded cloud."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Of a copy of the repository: init writes beside what it reads.
_LINKED = ("_glue-job", "build")
_PARALLELISM = "-parallelism=20"  # most of what it does is to wait


def _load_tool() -> ModuleType:
    path = ROOT / "tools" / "lint_terraform.py"
    spec = importlib.util.spec_from_file_location("lint_terraform", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tool = _load_tool()


@dataclass(frozen=True)
class Terraform:
    """A root module of the copy, and the variables that its commands get.

    Attributes:
        options: What plan, apply and destroy are told.
    """

    folder: Path
    environ: dict[str, str]
    options: tuple[str, ...]

    def init(self, *options: str) -> None:
        """Install modules and the provider, or skip the test where there is no provider."""
        done = self._run("init", *tool.plugin_options(), *options)
        if "provider packages" in done.stderr:
            pytest.skip(f"Terraform's AWS provider is not here: {done.stderr.strip()[-300:]}")
        assert done.returncode == 0, done.stderr

    def apply(self, *options: str) -> None:
        """Make it so."""
        done = self._run("apply", "-auto-approve", _PARALLELISM, *self.options, *options)
        assert done.returncode == 0, done.stderr

    def differences(self) -> str:
        """What another apply would change; "" for nothing."""
        done = self._run("plan", "-detailed-exitcode", _PARALLELISM, *self.options)
        assert done.returncode in (0, 2), done.stderr
        return done.stdout if done.returncode else ""

    def destroy(self) -> list[str]:
        """Take it away; what is left in the state."""
        # The plan before has just looked at everything.
        options = ("-auto-approve", "-refresh=false", _PARALLELISM)
        done = self._run("destroy", *options, *self.options)
        assert done.returncode == 0, done.stderr
        return self._run("state", "list").stdout.splitlines()

    def _run(self, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        plain = () if command == "state" else ("-no-color",)
        return subprocess.run(
            ["terraform", command, *plain, *options],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=500,
        )


def copy_terraform(folder: Path) -> Path:
    """terraform/ in `folder`, beside what its relative paths name."""
    shutil.copytree(
        ROOT / "terraform", folder / "terraform", ignore=shutil.ignore_patterns(".terraform")
    )
    for name in _LINKED:
        (folder / name).symlink_to(ROOT / name)
    return folder / "terraform"


def variables(data: Path, environ: dict[str, str]) -> dict[str, str]:
    """Variables of a root module's commands: where its plugins go, and whom it asks."""
    return {**tool.environment(data), **environ}
