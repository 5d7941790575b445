"""Holds `aws` command lines against botocore's models: the commands and options must exist."""

from __future__ import annotations

import shlex

from botocore import xform_name
from botocore.session import get_session

_GLOBAL = {"region", "profile"}
# What the CLI takes in place of a parameter, or fills in by itself.
_OWN_OPTIONS = {"lambda": {"zip-file"}}
_NEEDLESS = {"lambda": {"code"}}


def check_commands(line: str) -> None:
    """Fail unless each `aws` command of the line, joined by &&, is one that AWS's CLI has."""
    for command in line.split(" && "):
        if command.startswith("aws ") and not command.startswith("aws s3 "):
            _, service, name, *options = shlex.split(command)
            _check(service, name, options)


def _check(service: str, command: str, options: list[str]) -> None:
    model = get_session().get_service_model({"s3api": "s3"}.get(service, service))
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    assert command in operations, f"aws {service} has no {command}"
    shape = model.operation_model(operations[command]).input_shape
    assert shape, f"aws {service} {command} takes no options"
    known = {xform_name(name, "-") for name in shape.members}
    given = {each.removeprefix("--") for each in options if each.startswith("--")}
    unknown = given - known - _GLOBAL - _OWN_OPTIONS.get(service, set())
    assert not unknown, f"aws {service} {command} has no {unknown}"
    required = {xform_name(name, "-") for name in shape.required_members}
    missing = required - given - _NEEDLESS.get(service, set())
    assert not missing, f"aws {service} {command} lacks {missing}"
