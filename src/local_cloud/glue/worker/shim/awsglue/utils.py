"""Arguments of a job run."""

from __future__ import annotations

import argparse
import sys
from typing import Any, NoReturn

_RESERVED = {
    "job_bookmark_option": "job-bookmark-disable",
    "job_bookmark_from": None,
    "job_bookmark_to": None,
    "JOB_ID": None,
    "JOB_RUN_ID": None,
    "SECURITY_CONFIGURATION": None,
    "encryption_type": None,
    "enable_data_lineage": None,
}


class GlueArgumentError(Exception):
    """An argument that the script asks for is missing, or cannot be read."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise GlueArgumentError(message)


def getResolvedOptions(args: list[str], options: list[str]) -> dict[str, Any]:
    """The values of `options` in `args`, which is `sys.argv`.

    A name with hyphens is found under its name with underscores.

    Raises:
        GlueArgumentError: One is missing.
        RuntimeError: One is a name that Glue keeps for itself.
    """
    reserved = [option for option in options if option.replace("-", "_") in _RESERVED]
    if reserved:
        raise RuntimeError(f"Using reserved arguments {', '.join(reserved)}")
    parser = _Parser()
    for name, default in _RESERVED.items():
        flag = name.replace("_", "-") if name.islower() else name
        parser.add_argument(f"--{flag}", dest=name, default=default)
    parser.add_argument("--TempDir", required="TempDir" in options)
    for option in options:
        if option != "TempDir":
            parser.add_argument(f"--{option}", required=True)
    parsed = vars(parser.parse_known_args(args[1:])[0])
    if parsed["TempDir"] is None:
        del parsed["TempDir"]
    else:
        parsed["RedshiftTempDir"] = parsed["TempDir"]
    return parsed


def _from_argv(name: str) -> str | None:
    """An argument of this run, whether or not the script asked for it."""
    parser = _Parser(allow_abbrev=False)
    parser.add_argument(f"--{name}", dest="value")
    value: str | None = parser.parse_known_args(sys.argv[1:])[0].value
    return value
