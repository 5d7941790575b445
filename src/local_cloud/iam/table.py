"""Which permissions an operation needs, by operations.yml."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PATH = Path(__file__).with_name("operations.yml")
_PLACE = re.compile(r"\{([\w.]+)(?::(\w+))?(?:=([^}]*))?\}")
_NO_RESOURCE = "*"

Parameters = Mapping[str, Any]
Converters = Mapping[str, Callable[[str], str]]
Context = dict[str, str | list[str]]


class UnknownOperationError(Exception):
    """An operation of which the table does not say what it needs."""


@dataclass(frozen=True)
class Permission:
    """One action on one resource that a request needs."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)


@dataclass(frozen=True)
class _Further:
    """A permission that an operation needs beside its own."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)
    unless: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Operation:
    action: str
    resources: tuple[str, ...]
    context: Mapping[str, str]
    also: tuple[_Further, ...]


class Filler:
    """Puts a request's parameters into the table's texts."""

    def __init__(self, parameters: Parameters, converters: Converters) -> None:
        self._parameters, self._converters = parameters, converters

    def has(self, path: str) -> bool:
        """Whether the request gives a parameter."""
        return any(True for _ in _values(self._parameters, path.split(".")))

    def fill(self, template: str) -> list[str]:
        """The texts that a template means: one, or of a list one for each element."""
        is_optional = template.endswith("?") and not template.endswith("??")
        template = template.removesuffix("?") if is_optional else template
        places = list(_PLACE.finditer(template))
        found = [self._look_up(place) for place in places]
        if is_optional and not all(found):
            return []
        choices = itertools.product(*(each or [""] for each in found))
        return list(dict.fromkeys(_put(template, places, chosen) for chosen in choices))

    def _look_up(self, place: re.Match[str]) -> list[str]:
        path, converter, default = place.groups()
        values = list(_values(self._parameters, path.split("."))) or (
            [] if default is None else [default]
        )
        return [self._converters[converter](each) for each in values] if converter else values


def permissions(
    service: str, operation: str, parameters: Parameters, converters: Converters
) -> list[Permission]:
    """What a request needs.

    Args:
        service: The name the request is signed for.
        parameters: As the operation has them, and region, account and userid.
        converters: What {name:converter} in the table calls.

    Raises:
        UnknownOperationError: The table has nothing of it.
    """
    known = _read_table().get(service, {})
    if operation not in known:
        raise UnknownOperationError(
            f"which permissions {service}:{operation} needs is not in"
            f" src/local_cloud/iam/{PATH.name}"
        )
    wanted, filler = known[operation], Filler(parameters, converters)
    if wanted is None:
        return []
    context = _context(wanted.context, filler)
    resources = [each for template in wanted.resources for each in filler.fill(template)]
    found = [Permission(wanted.action, each, context) for each in resources]
    for also in wanted.also:
        if not any(map(filler.has, also.unless)) and all(map(filler.has, also.needs)):
            context = _context(also.context, filler)
            found += [Permission(also.action, r, context) for r in filler.fill(also.resource)]
    return found


def operations() -> dict[str, list[str]]:
    """The operations that the table knows, by the service's name in requests."""
    return {service: list(known) for service, known in _read_table().items()}


def _values(given: Any, path: list[str]) -> Iterator[str]:
    if isinstance(given, list):
        for each in given:
            yield from _values(each, path)
    elif path:
        if isinstance(given, Mapping) and path[0] in given:
            yield from _values(given[path[0]], path[1:])
    elif isinstance(given, Mapping):
        yield ""  # it is there; only whether it is can be asked
    elif given is not None:
        yield str(given)


def _put(template: str, places: list[re.Match[str]], values: tuple[str, ...]) -> str:
    text, at = "", 0
    for place, value in zip(places, values, strict=True):
        text += template[at : place.start()] + value
        at = place.end()
    return text + template[at:]


def _context(templates: Mapping[str, str], filler: Filler) -> Context:
    context: Context = {}
    for key, template in templates.items():
        values = filler.fill(f"{template}?") if "{" in template else [template]
        if values:
            context[key] = values[0] if len(values) == 1 else values
    return context


@cache
def _read_table() -> dict[str, dict[str, _Operation | None]]:
    return {
        service: dict(_read_service(given))
        for service, given in yaml.safe_load(PATH.read_text()).items()
    }


def _read_service(given: dict[str, Any]) -> Iterator[tuple[str, _Operation | None]]:
    for operation in given.get("none", "").split():
        yield operation, None
    for resources, operations_ in given["resources"].items():
        templates = tuple(_with_arn(each, given["arn"]) for each in resources.split())
        for operation in operations_.split():
            yield operation, _Operation(
                action=given.get("actions", {}).get(operation, f"{given['prefix']}:{operation}"),
                resources=templates,
                context=given.get("context", {}).get(operation, {}),
                also=tuple(
                    _read_further(each, given["arn"])
                    for each in given.get("also", {}).get(operation, ())
                ),
            )


def _read_further(given: dict[str, Any], arn: str) -> _Further:
    lists = {name: tuple(given.get(name, ())) for name in ("unless", "needs")}
    return _Further(**{**given, "resource": _with_arn(given["resource"], arn), **lists})


def _with_arn(resource: str, arn: str) -> str:
    is_whole = resource == _NO_RESOURCE or resource.startswith(("arn:", "{"))
    return resource if is_whole else arn + resource
