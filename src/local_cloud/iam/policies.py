"""Policy documents: their statements, read once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from local_cloud.iam.conditions import Condition, read_conditions
from local_cloud.iam.errors import PolicyError
from local_cloud.iam.patterns import Context, Pattern
from local_cloud.iam.principals import Principals, read_principals

_VERSION_WITH_VARIABLES = "2012-10-17"
_ELEMENTS = {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction"} | {
    "Resource",
    "NotResource",
    "Condition",
}


@dataclass(frozen=True)
class _Patterns:
    """What an Action or Resource element means, or what a NotAction or NotResource leaves."""

    patterns: tuple[Pattern, ...]
    is_negated: bool

    def include(self, value: str, context: Context) -> bool:
        return self.is_negated != any(each.matches(value, context) for each in self.patterns)


@dataclass(frozen=True)
class Statement:
    """One statement.

    Attributes:
        resources: None where a policy speaks only of what it is attached to: a role's trust.
        principals: None in a policy of an identity.
    """

    sid: str | None
    denies: bool
    actions: _Patterns
    resources: _Patterns | None
    conditions: tuple[Condition, ...]
    principals: Principals | None

    def applies(self, action: str, resource: str, context: Context) -> bool:
        """Whether it speaks of a call, whoever makes it."""
        return (
            self.actions.include(action, context)
            and (self.resources is None or self.resources.include(resource, context))
            and all(each.holds(context) for each in self.conditions)
        )


@dataclass(frozen=True)
class Policy:
    """A policy, read."""

    statements: tuple[Statement, ...]


def read_policy(document: Mapping[str, Any]) -> Policy:
    """A policy from its JSON document.

    Raises:
        PolicyError: It says something that is not evaluated here.
    """
    has_variables = document.get("Version") == _VERSION_WITH_VARIABLES
    statements = document.get("Statement", [])
    if isinstance(statements, dict):
        statements = [statements]
    return Policy(tuple(_statement(each, has_variables) for each in statements))


@lru_cache(maxsize=512)
def parse_policy(text: str) -> Policy:
    """A policy from its text; the same text is read once."""
    return read_policy(json.loads(text))


def _statement(given: Mapping[str, Any], has_variables: bool) -> Statement:
    sid = given.get("Sid")
    if unknown := set(given) - _ELEMENTS:
        raise PolicyError(f"statement {sid or given}: {', '.join(sorted(unknown))} is unknown")
    if given.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError(f"statement {sid or given}: Effect is neither Allow nor Deny")
    actions = _element(given, "Action", has_variables=False, ignores_case=True)
    if actions is None:
        raise PolicyError(f"statement {sid or given} has no Action")
    return Statement(
        sid=sid,
        denies=given["Effect"] == "Deny",
        actions=actions,
        resources=_element(given, "Resource", has_variables=has_variables),
        conditions=read_conditions(given.get("Condition", {}), has_variables=has_variables),
        principals=read_principals(given),
    )


def _element(
    given: Mapping[str, Any], name: str, *, has_variables: bool, ignores_case: bool = False
) -> _Patterns | None:
    for key, is_negated in ((name, False), (f"Not{name}", True)):
        if key in given:
            texts: Iterable[str] = [given[key]] if isinstance(given[key], str) else given[key]
            patterns = (
                Pattern(text, has_variables=has_variables, ignores_case=ignores_case)
                for text in texts
            )
            return _Patterns(tuple(patterns), is_negated)
    return None
