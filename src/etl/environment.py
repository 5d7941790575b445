"""Entering an environment: what its `before_run` prints becomes variables, then settings load."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

from etl.errors import SettingsError
from etl.settings import ROOT, Settings, load_settings, read_config

_PLACES = "ETL_PLACES__"

log = logging.getLogger("etl")


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
    command = read_config(environment).get("before_run") or []
    if command:
        log.info("%s: %s", environment, " ".join(str(word) for word in command[1:]))
        printed = _run([str(word).format(python=sys.executable) for word in command])
        chosen = {name for name in os.environ if name.startswith(_PLACES)}
        os.environ.update({k: v for k, v in printed.items() if k not in chosen})
    settings = load_settings(environment)
    return settings if assume_role else settings.without_role()


def _run(command: list[str]) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
    try:
        done = subprocess.run(
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
    if done.returncode != 0:
        raise SettingsError(
            f"before_run ({' '.join(command[1:])}) failed: {done.stderr.strip()}",
            fix="run it by hand to see more",
        )
    pairs = (line.partition("=") for line in done.stdout.splitlines() if "=" in line)
    return {key: value for key, _, value in pairs}
