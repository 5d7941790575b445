"""Rules that no row can break, by the least and the greatest values of its row group."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from etl.expressions import columns_of, evaluate
from etl.model import Expression

Limits = tuple[Any, Any]  # the least and the greatest value

_TURNED = {"<=": ">=", "<": ">"}


def is_never_false(expression: Expression, limits: Mapping[str, Limits], run_date: date) -> bool:
    """Whether the limits show that the boolean expression is true or NULL, whatever the row.

    Args:
        limits: By column, of its values that are not NULL; a column without any says nothing.
    """

    def holds(node: Expression) -> bool:
        return is_never_false(node, limits, run_date)

    match expression:
        case ["and", *nodes]:
            return all(map(holds, nodes))
        case ["or", *nodes]:
            return any(map(holds, nodes))
        case ["between", node, low, high]:
            return holds([">=", node, low]) and holds(["<=", node, high])
        case ["<=" | "<" as symbol, left, right]:
            return holds([_TURNED[symbol], right, left])
        case [">=" | ">" as symbol, left, right]:
            least, greatest = (_limits(each, limits, run_date) for each in (left, right))
            if least is None or greatest is None:
                return False
            extreme = {"least": least[0], "greatest": greatest[1]}
            worst = [symbol, ["col", "least"], ["col", "greatest"]]
            return evaluate(worst, extreme, run_date) is True
    return False


def _limits(node: Expression, limits: Mapping[str, Limits], run_date: date) -> Limits | None:
    match node:
        case ["col", name]:
            return limits.get(name)
        case ["integer", inner, _]:
            return _limits(inner, limits, run_date)
    if columns_of(node):
        return None
    value = evaluate(node, {}, run_date)
    return value, value
