"""Condition operators: "IAM JSON policy elements: Condition operators" in the IAM User Guide."""

from __future__ import annotations

import ipaddress
import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local_cloud.iam.errors import PolicyError
from local_cloud.iam.patterns import Context, Pattern, substitute

_Test = Callable[[str, str, Context], bool]  # the policy's value, the request's, the context

_ARN_PARTS = 6


@dataclass(frozen=True)
class Condition:
    """One key of one operator.

    Attributes:
        quantifier: "ForAllValues", "ForAnyValue" or "".
        if_exists: Whether a request without the key fulfils it.
    """

    operator: str
    key: str
    wanted: tuple[str, ...]
    quantifier: str
    if_exists: bool
    has_variables: bool

    def holds(self, context: Context) -> bool:
        """Whether a request fulfils it."""
        found = context.get(self.key)
        if self.operator == "Null":
            return (found is None) == (self.wanted[0].lower() == "true")
        test, is_negated = _OPERATORS[self.operator]
        if found is None or (not isinstance(found, str) and not found):
            return self.if_exists or self.quantifier == "ForAllValues" or self._lacks(is_negated)
        values = [found] if isinstance(found, str) else list(found)
        matched = [self._matches(test, value, context) != is_negated for value in values]
        wants_all = self.quantifier == "ForAllValues" or (is_negated and not self.quantifier)
        return all(matched) if wants_all else any(matched)

    def _lacks(self, is_negated: bool) -> bool:
        return is_negated and self.quantifier != "ForAnyValue"

    def _matches(self, test: _Test, value: str, context: Context) -> bool:
        for wanted in self.wanted:
            text: str | None = wanted
            if self.has_variables and test is not _is_like:
                text = substitute(wanted, context)
            if text is not None and test(text, value, context):
                return True
        return False


def read_conditions(block: Any, *, has_variables: bool) -> tuple[Condition, ...]:
    """The conditions of a statement.

    Raises:
        PolicyError: One has an operator that is not evaluated here.
    """
    if not isinstance(block, dict):
        raise PolicyError(f"Condition is {block!r}, not an object")
    found = []
    for name, keys in block.items():
        quantifier, _, plain = str(name).rpartition(":")
        if_exists = plain.endswith("IfExists")
        plain = plain.removesuffix("IfExists")
        if quantifier not in ("", "ForAllValues", "ForAnyValue") or plain not in OPERATORS:
            raise PolicyError(f"the condition operator {name} is not evaluated")
        for key, wanted in keys.items():
            values = tuple(
                _text(each) for each in (wanted if isinstance(wanted, list) else [wanted])
            )
            found.append(
                Condition(plain, key.lower(), values, quantifier, if_exists, has_variables)
            )
    return tuple(found)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _equals(wanted: str, value: str, _context: Context) -> bool:
    return wanted == value


def _equals_ignoring_case(wanted: str, value: str, _context: Context) -> bool:
    return wanted.lower() == value.lower()


def _is_like(wanted: str, value: str, context: Context) -> bool:
    return Pattern(wanted, has_variables=True).matches(value, context)


def _is_like_arn(wanted: str, value: str, _context: Context) -> bool:
    """Each of the six parts is compared for itself."""
    patterns, parts = wanted.split(":", _ARN_PARTS - 1), value.split(":", _ARN_PARTS - 1)
    if len(patterns) != len(parts):
        return wanted == "*"
    return all(
        Pattern(pattern, has_variables=False).matches(part, {})
        for pattern, part in zip(patterns, parts, strict=True)
    )


def _compares_numbers(compare: Callable[[float, float], bool]) -> _Test:
    def test(wanted: str, value: str, _context: Context) -> bool:
        try:
            return compare(float(value), float(wanted))
        except ValueError:
            return False

    return test


def _compares_dates(compare: Callable[[datetime, datetime], bool]) -> _Test:
    def test(wanted: str, value: str, _context: Context) -> bool:
        try:
            return compare(_moment(value), _moment(wanted))
        except ValueError:
            return False

    return test


def _moment(text: str) -> datetime:
    """ISO 8601, or seconds since 1970."""
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except ValueError:
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.replace(tzinfo=UTC)


def _is_in_network(wanted: str, value: str, _context: Context) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


def _comparisons(prefix: str, make: Callable[[Any], _Test]) -> dict[str, tuple[_Test, bool]]:
    return {
        f"{prefix}Equals": (make(operator.eq), False),
        f"{prefix}NotEquals": (make(operator.eq), True),
        f"{prefix}LessThan": (make(operator.lt), False),
        f"{prefix}LessThanEquals": (make(operator.le), False),
        f"{prefix}GreaterThan": (make(operator.gt), False),
        f"{prefix}GreaterThanEquals": (make(operator.ge), False),
    }


def _with_negation(positive: str, negative: str, test: _Test) -> dict[str, tuple[_Test, bool]]:
    return {positive: (test, False), negative: (test, True)}


# How a value is tested, and whether it must be of none of the policy's values.
_OPERATORS: dict[str, tuple[_Test, bool]] = {
    **_with_negation("StringEquals", "StringNotEquals", _equals),
    **_with_negation("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", _equals_ignoring_case),
    **_with_negation("StringLike", "StringNotLike", _is_like),
    **_with_negation("ArnLike", "ArnNotLike", _is_like_arn),
    **_with_negation("ArnEquals", "ArnNotEquals", _is_like_arn),
    **_with_negation("IpAddress", "NotIpAddress", _is_in_network),
    "Bool": (_equals_ignoring_case, False),
    **_comparisons("Numeric", _compares_numbers),
    **_comparisons("Date", _compares_dates),
}
OPERATORS = frozenset({"Null", *_OPERATORS})
