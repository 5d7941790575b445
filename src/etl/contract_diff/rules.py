"""What differs between the rules and checks of two versions of a contract."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from etl.contract_diff.changes import Change, breaking, compatible
from etl.model import Check, Contract, Expression, Rule

_REFUSED = "rows that were good are refused"
_STOPPED = "runs that were good are stopped"
_UPPER, _LOWER = ("<=", "<"), (">=", ">")


def compare_rules(old: Contract, new: Contract) -> Iterator[Change]:
    """Rules that came, went, or ask for something else."""
    before = {each.name: each for each in old.rules}
    after = {each.name: each for each in new.rules}
    known = {each.name for each in old.columns}
    for name in sorted(before.keys() - after.keys()):
        yield compatible(f"rule {name}", "removed")
    for name, rule in after.items():
        if name in before:
            yield from _changed(before[name], rule)
        elif rule.column is not None and rule.column not in known:
            yield compatible(f"rule {name}", "added with its column")
        else:
            yield breaking(f"rule {name}", f"added, {rule.description}", _REFUSED)


def _changed(old: Rule, new: Rule) -> Iterator[Change]:
    if old.expression == new.expression:
        return
    detail = f"{old.description} → {new.description}"
    if _is_looser(new.expression, old.expression):
        yield compatible(f"rule {new.name}", detail)
    else:
        yield breaking(f"rule {new.name}", detail, _REFUSED)


def _is_looser(new: Expression, old: Expression) -> bool:
    """Whether all that met the old condition is sure to meet the other, too."""
    match old, new:
        case ["in", one, values], ["in", other, more]:
            return bool(one == other) and all(each in more for each in values)
        case [op, one, ["lit", before, *_]], [same, other, ["lit", after, *_]]:
            if op != same or one != other or op not in (*_UPPER, *_LOWER):
                return False
            low, high = (before, after) if op in _UPPER else (after, before)
            return _ordered(low, high)
    return False


def _ordered(low: Any, high: Any) -> bool:
    """Whether two literals of one type, numbers or dates, are in this order."""
    try:
        return Decimal(str(low)) <= Decimal(str(high))
    except InvalidOperation:
        return str(low) <= str(high)


def compare_checks(old: Contract, new: Contract) -> Iterator[Change]:
    """Checks that came, went, or have other bounds."""
    before = {each.name: each for each in old.checks}
    after = {each.name: each for each in new.checks}
    for name in sorted(before.keys() - after.keys()):
        yield compatible(f"check {name}", "removed")
    for name, check in after.items():
        one = before.get(name)
        if one == check:
            continue
        detail = f"added, {_words(check)}" if one is None else f"{_words(one)} → {_words(check)}"
        if check.severity == "warning" or (one is not None and _allows_more(check, one)):
            yield compatible(f"check {name}", detail)
        else:
            yield breaking(f"check {name}", detail, _STOPPED)


def _allows_more(new: Check, old: Check) -> bool:
    """Whether all that passed the old check is sure to pass the other, too."""
    is_same = (new.metric, new.column) == (old.metric, old.column)
    is_softer = new.severity == old.severity or old.severity == "error"
    low = new.minimum is None or (old.minimum is not None and new.minimum <= old.minimum)
    high = new.maximum is None or (old.maximum is not None and new.maximum >= old.maximum)
    return is_same and is_softer and low and high


def _words(check: Check) -> str:
    low = "" if check.minimum is None else f" from {check.minimum:g}"
    high = "" if check.maximum is None else f" to {check.maximum:g}"
    warning = ", a warning" if check.severity == "warning" else ""
    return f"{check.metric}{low}{high}{warning}"
