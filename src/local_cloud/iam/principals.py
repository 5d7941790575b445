"""Who the policy of a resource speaks of: "AWS JSON policy elements: Principal", IAM User Guide."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

_ACCOUNT = re.compile(r"\d{12}|arn:[\w-]+:iam::\d{12}:root")


@dataclass(frozen=True)
class Caller:
    """Who calls, by all names that a policy can give: of a role its own and its session's.

    Attributes:
        arns: The identity's ARN first.
        service: Set for an AWS service: "s3.amazonaws.com".
    """

    arns: tuple[str, ...]
    account_id: str
    service: str | None = None


class Named(IntEnum):
    """How a policy names a caller."""

    NOT = 0
    BY_ACCOUNT = 1  # leaves it to the policies of the account's identities
    DIRECTLY = 2


@dataclass(frozen=True)
class Principals:
    """A Principal or NotPrincipal element."""

    aws: tuple[str, ...]
    services: tuple[str, ...]
    is_negated: bool

    def name(self, caller: Caller) -> Named:
        """How it names a caller."""
        found = self._find(caller)
        if self.is_negated:
            return Named.DIRECTLY if found == Named.NOT else Named.NOT
        return found

    def _find(self, caller: Caller) -> Named:
        if caller.service:
            is_named = {"*", caller.service} & {*self.services, *self.aws}
            return Named.DIRECTLY if is_named else Named.NOT
        if "*" in self.aws or set(caller.arns) & set(self.aws):
            return Named.DIRECTLY
        accounts = (each for each in self.aws if _ACCOUNT.fullmatch(each))
        return (
            Named.BY_ACCOUNT if any(caller.account_id in each for each in accounts) else Named.NOT
        )


def read_principals(statement: Mapping[str, Any]) -> Principals | None:
    """The statement's Principal or NotPrincipal, or None if it has neither."""
    for key, is_negated in (("Principal", False), ("NotPrincipal", True)):
        if key not in statement:
            continue
        given = statement[key]
        if isinstance(given, str):
            given = {"AWS": given}
        return Principals(_texts(given.get("AWS")), _texts(given.get("Service")), is_negated)
    return None


def _texts(given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else tuple(given)
