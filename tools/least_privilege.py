"""Hold what roles did against what they may: terraform/policies grants what is used, and no more.

    python tools/least_privilege.py build/access    # what embedded clouds recorded there

Each recorded call of a role has to be allowed by its policy, as config/local.yml fills it in; each
action of a statement, and each resource that is written there, has to have been used; and what a
`*` leaves open has to have a Reason beside it. `make test` runs it on what all tests did.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from etl.contracts import datasets_of, load_contract
from etl.infrastructure.policies import REASON, policy_variables, read_statements
from etl.infrastructure.roles import role_names
from etl.settings import load_settings
from local_cloud.iam import evaluate, lasting_context
from local_cloud.iam.policies import Policy, read_policy

_ENVIRONMENT = "local"
_SHOWN_OFFENCES = 40
_OPEN = re.compile(r"\*|arn:[^:]*:[^:]*:[^:]*:[^:]*:\*")  # no part of a name narrows it


@dataclass(frozen=True)
class Call:
    """What a role did: one line of a cloud's record."""

    role: str
    action: str
    resource: str
    context: Mapping[str, str | list[str]]


@dataclass(frozen=True)
class Statement:
    """One statement of a role's policy, as its file has it, filled in.

    Attributes:
        is_listed: Whether its resources are those that contracts or settings list: which of them
            a role uses is up to what runs.
    """

    document: Mapping[str, Any]
    is_listed: bool = False

    @property
    def sid(self) -> str:
        """Its name."""
        return str(self.document.get("Sid"))

    @property
    def actions(self) -> list[str]:
        """What it speaks of."""
        return _as_list(self.document["Action"])

    @property
    def resources(self) -> list[str]:
        """What it speaks of it on."""
        return _as_list(self.document["Resource"])

    @property
    def is_excused(self) -> bool:
        """Whether its Reason is why it is granted although nothing here uses it."""
        return REASON in self.document and not self.open_parts

    @property
    def open_parts(self) -> list[str]:
        """Actions and resources that a `*` leaves open."""
        return [
            *(each for each in self.actions if "*" in each),
            *(each for each in self.resources if _OPEN.fullmatch(each)),
        ]

    def policy(self, **instead: str) -> Policy:
        """A policy of it alone, or of a part of it."""
        known = {key: value for key, value in self.document.items() if key != REASON}
        statement = {"Effect": "Allow"} | known | instead
        return read_policy({"Version": "2012-10-17", "Statement": [statement]})


@dataclass
class Figures:
    """What was found of one role."""

    statements: int = 0
    granted: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    calls: int = 0
    absent: list[str] = field(default_factory=list)
    unproved: list[str] = field(default_factory=list)


def read_calls(folder: Path, roles: Mapping[str, str]) -> list[Call]:
    """The distinct calls of roles, under the names that config/local.yml has for them.

    Args:
        folder: Of *.jsonl, what clouds recorded, and *.names, what tests used for other names.
        roles: Keys by the roles' names; others were made by tests, and prove nothing.
    """
    names: dict[str, str] = {}
    for line in _lines(folder, "*.names"):
        names |= json.loads(line)
    found: dict[str, Call] = {}
    for line in _lines(folder, "*.jsonl"):
        recorded = json.loads(_renamed(line, names))
        key = roles.get(recorded["role"].rpartition("/")[2])
        if key:
            call = Call(key, recorded["action"], recorded["resource"], recorded["context"])
            found[repr(call)] = call
    return list(found.values())


def _lines(folder: Path, pattern: str) -> Iterator[str]:
    for path in sorted(folder.glob(pattern)):
        yield from path.read_text(encoding="utf-8").splitlines()


def _renamed(text: str, names: Mapping[str, str]) -> str:
    if not names:
        return text
    pattern = r"(?<!\w)(?:" + "|".join(map(re.escape, sorted(names, reverse=True))) + r")(?!\w)"
    return re.sub(pattern, lambda found: names[found[0]], text)


def check(
    statements: Mapping[str, Sequence[Statement]],
    calls: Iterable[Call],
    *,
    region: str,
    account: str,
) -> tuple[dict[str, Figures], list[str]]:
    """What was found of each role, and what is not as it has to be.

    Args:
        statements: By the role's key; those whose Resource is empty are not granted.
    """
    by_role: dict[str, list[Call]] = {key: [] for key in statements}
    for call in calls:
        by_role[call.role].append(call)
    figures: dict[str, Figures] = {}
    offences: list[str] = []
    for key, all_of_it in statements.items():
        granted = [each for each in all_of_it if each.resources]
        arn = f"arn:aws:iam::{account}:role/{key}"
        everywhere = lasting_context(arn, region)
        made = [(each, {**everywhere, **each.context}) for each in by_role[key]]
        figures[key] = _figures(granted, made)
        figures[key].absent = [each.sid for each in all_of_it if not each.resources]
        figures[key].unproved = [each.sid for each in granted if each.is_excused]
        offences += _denied(key, granted, made)
        for statement in granted:
            offences += _unused(key, statement, made)
            offences += _unreasoned(key, statement)
    return figures, offences


_Made = Sequence[tuple[Call, Mapping[str, Any]]]


def _figures(granted: Sequence[Statement], made: _Made) -> Figures:
    return Figures(
        statements=len(granted),
        granted={action for each in granted for action in each.actions},
        used={call.action for call, _ in made},
        calls=len(made),
    )


def _denied(key: str, granted: Sequence[Statement], made: _Made) -> Iterator[str]:
    policies = [each.policy() for each in granted]
    for call, context in made:
        if not evaluate(policies, call.action, call.resource, context).allowed:
            said = f" with {json.dumps(dict(call.context))}" if call.context else ""
            yield (
                f"{key}: {call.action} on {call.resource}{said} was called, and is not allowed\n"
                f"  fix: allow it in terraform/policies/{key}.yml, if the role is to do it"
            )


def _unused(key: str, statement: Statement, made: _Made) -> Iterator[str]:
    if statement.is_excused:
        return
    resources = [] if statement.is_listed else statement.resources
    for kind, parts in (("Action", statement.actions), ("Resource", resources)):
        for part in parts:
            policy = statement.policy(**{kind: part})
            if not any(
                evaluate([policy], call.action, call.resource, context).allowed
                for call, context in made
            ):
                yield (
                    f"{key}: {statement.sid} grants {part}, which nothing used\n"
                    f"  fix: take it out of terraform/policies/{key}.yml, or test what needs it"
                )


def _unreasoned(key: str, statement: Statement) -> Iterator[str]:
    if statement.document.get(REASON):
        return
    for part in statement.open_parts:
        yield (
            f"{key}: {statement.sid} has {part} without a {REASON}\n"
            f"  fix: narrow it in terraform/policies/{key}.yml, or say why not"
        )


def _as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _read_policies() -> tuple[dict[str, list[Statement]], dict[str, str], str, str]:
    settings = load_settings(_ENVIRONMENT)
    account, names = settings.account_id, role_names(settings)
    contracts = [load_contract(each, settings=settings) for each in datasets_of(settings)]
    variables = policy_variables(settings, account, contracts)
    marked = variables | {name: '["list"]' for name, text in variables.items() if text[:1] == "["}
    statements = {
        key: [
            Statement(each, is_listed=mark["Resource"] == ["list"])
            for each, mark in zip(
                read_statements(key, variables), read_statements(key, marked), strict=True
            )
        ]
        for key in names
    }
    return statements, {name: key for key, name in names.items()}, settings.region, account


def _print(figures: Mapping[str, Figures]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("role")
    for heading in ("statements", "actions granted", "used", "calls recorded"):
        table.add_column(heading, justify="right")
    table.add_column("by reason only")
    table.add_column("left out here")
    for key, each in figures.items():
        counts = (each.statements, len(each.granted), len(each.granted & each.used), each.calls)
        table.add_row(key, *map(str, counts), ", ".join(each.unproved), ", ".join(each.absent))
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:  # a pipe gets lines whole
        console.width = 1_000_000
        console.width = console.measure(table).maximum
    console.print(table)


def main(arguments: list[str] | None = None) -> int:
    """Check a folder; 1 if something is not as it has to be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="what LOCAL_CLOUD_ACCESS_LOG named")
    folder = parser.parse_args(arguments).folder
    statements, roles, region, account = _read_policies()
    calls = read_calls(folder, roles)
    if not calls:
        print(f"{folder} holds no call of a role\n  fix: run the tests first", file=sys.stderr)
        return 1
    figures, offences = check(statements, calls, region=region, account=account)
    _print(figures)
    for each in offences[:_SHOWN_OFFENCES]:
        print(each, file=sys.stderr)
    if len(offences) > _SHOWN_OFFENCES:
        print(f"and {len(offences) - _SHOWN_OFFENCES} more", file=sys.stderr)
    return int(bool(offences))


if __name__ == "__main__":
    sys.exit(main())
