"""Entering an environment: what its `before_run` prints becomes variables, then settings load."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

from etl.errors import SettingsError
from etl.root import ROOT
from etl.settings import Settings, load_settings, read_config

_PLACES = "ETL_PLACES__"
_begun: dict[str, subprocess.Popen[str]] = {}

log = logging.getLogger("etl")


def begin(environment: str) -> None:
    """Start the environment's `before_run`, and do not wait: `enter` takes what it prints."""
    command = _before_run(environment)
    if command and environment not in _begun:
        try:
            _begun[environment] = _start(command)
        except SettingsError:
            pass  # enter meets it again, and tells it


def enter(environment: str, *, assume_role: bool = True) -> Settings:
    """The environment's settings, with its `before_run` command run first.

    `before_run` is for whatever an environment needs before AWS can be called: a sign-on, a
    tunnel, the embedded cloud. It prints KEY=VALUE lines. "{python}" in it is this interpreter,
    and src/ is on its path. Where AWS is, is its to say; where data comes from, an ETL_PLACES__…
    that is set already, is the caller's.

    Args:
        assume_role: Whether to call AWS as `role_arn`, which is for flows; else with the caller's
            own credentials.

    Raises:
        SettingsError: A setting is wrong, or the command failed.
    """
    if command := _before_run(environment):
        log.info("%s: %s", environment, " ".join(command[1:]))
        begun = _begun.pop(environment) if environment in _begun else _start(command)
        printed = _wait(command, begun)
        chosen = {name for name in os.environ if name.startswith(_PLACES)}
        os.environ.update({k: v for k, v in printed.items() if k not in chosen})
    settings = load_settings(environment)
    return settings if assume_role else settings.without_role()


def _before_run(environment: str) -> list[str]:
    words = read_config(environment).get("before_run") or []
    return [str(word).format(python=sys.executable) for word in words]


def _start(command: list[str]) -> subprocess.Popen[str]:
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
    try:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    except OSError as error:
        raise SettingsError(
            f"before_run cannot start {command[0]}: {error.strerror}",
            fix="mend before_run in the environment's config file",
        ) from error


def _wait(command: list[str], process: subprocess.Popen[str]) -> dict[str, str]:
    with process:
        try:
            stdout, stderr = process.communicate()
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise SettingsError(
            f"before_run ({' '.join(command[1:])}) failed: {stderr.strip()}",
            fix="run it by hand to see more",
        )
    pairs = (line.partition("=") for line in stdout.splitlines() if "=" in line)
    return {key: value for key, _, value in pairs}
