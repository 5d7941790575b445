"""Checks: what must be true of a run's valid rows as a whole; a run that fails is not loaded."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from open_data_contract_standard.model import DataQuality, ServiceLevelAgreementProperty

from etl.contracts.problems import Problems, did_you_mean
from etl.model import Check, Type

_FRESHNESS = ("latency", "ly", "freshness")
_HOURS_BY_UNIT = {
    **dict.fromkeys(("min", "minute", "minutes"), 1 / 60),
    **dict.fromkeys(("h", "hour", "hours"), 1.0),
    **dict.fromkeys(("d", "day", "days"), 24.0),
}


class RunChecks:
    """Makes a table's checks and hands each to `keep`, with its place in the file."""

    def __init__(
        self,
        columns: Mapping[str, Type],
        key: Sequence[str],
        keep: Callable[[Check, str], None],
        problems: Problems,
    ) -> None:
        self._columns = columns
        self._key = list(key)
        self._keep = keep
        self._problems = problems

    def add_unique(self, column: str, where: str) -> None:
        """`unique: true` of a column."""
        check = Check(name=f"{column}_unique", metric="duplicate_count", column=column, maximum=0)
        self._keep(check, where)

    def add_metric(
        self, quality: DataQuality, column: str | None, where: str, *, name: str | None
    ) -> None:
        """A metric of the standard's library, of a column or, without one, of the table."""
        match quality.metric, column:
            case "nullValues", str():
                default, metric = f"{column}_null_count", "null_count"
            case "duplicateValues", str():
                default, metric = f"{column}_duplicate_count", "duplicate_count"
            case "duplicateValues", None if self._names_the_key(quality):
                default, metric = "primary_key_duplicate_count", "duplicate_count"
            case "rowCount", None:
                default, metric = "row_count", "row_count"
            case _:
                self._problems.add(
                    f"{where}.metric",
                    f"{quality.metric} is not measured for {'a column' if column else 'the table'}",
                    fix="columns have nullValues, duplicateValues and invalidValues; the table has "
                    f"rowCount, and duplicateValues with arguments: properties: {self._key}",
                )
                return
        if quality.unit not in (None, "rows"):
            self._problems.add(
                f"{where}.unit", f"{quality.unit} is not measured here", fix="write unit: rows"
            )
        minimum, maximum = self._bounds(quality, where)
        check = Check(
            name=name or default,
            metric=metric,
            column=column,
            minimum=minimum,
            maximum=maximum,
            severity="warning" if quality.severity == "warning" else "error",
        )
        self._keep(check, where)

    def add_agreement(
        self, agreement: ServiceLevelAgreementProperty, table: str, where: str
    ) -> None:
        """A service level. `latency` is checked, the others are for people to read."""
        if (agreement.property or "").lower() not in _FRESHNESS:
            return
        column = (agreement.element or "").removeprefix(f"{table}.")
        if column in self._problems.unreadable:
            return
        times = ("timestamp", "date")
        known = [name for name, type_ in self._columns.items() if type_.kind in times]
        if column not in known:
            near = did_you_mean(column, known)
            self._problems.add(
                f"{where}.element",
                f"{agreement.element!r} is no timestamp or date column{near}",
                fix=f"write element: {table}.<column>",
            )
            return
        hours = _hours(agreement.value, agreement.unit)
        if hours is None:
            self._problems.add(
                where, "is not a length of time", fix="write for example value: 48 and unit: h"
            )
            return
        check = Check(
            name=f"{column}_freshness", metric="freshness_hours", column=column, maximum=hours
        )
        self._keep(check, where)

    def _names_the_key(self, quality: DataQuality) -> bool:
        return (quality.arguments or {}).get("properties") == self._key

    def _bounds(self, quality: DataQuality, where: str) -> tuple[float | None, float | None]:
        """Inclusive bounds of a count. `mustBeBetween` includes both ends, as SQL's BETWEEN."""
        if isinstance(quality.mustBe, int | float):
            return quality.mustBe, quality.mustBe
        if quality.mustBeBetween is not None:
            low, high = quality.mustBeBetween
            return low, high
        if quality.mustBeGreaterThan is not None:
            return math.floor(quality.mustBeGreaterThan) + 1, None
        if quality.mustBeLessThan is not None:
            return None, math.ceil(quality.mustBeLessThan) - 1
        if quality.mustBeGreaterOrEqualTo is not None:
            return quality.mustBeGreaterOrEqualTo, None
        if quality.mustBeLessOrEqualTo is None:
            self._problems.add(
                where,
                "has no bound that is checked here",
                fix="use mustBe, mustBeBetween, mustBeLessThan, mustBeGreaterThan or …OrEqualTo",
            )
        return None, quality.mustBeLessOrEqualTo


def _hours(value: Any, unit: str | None) -> float | None:
    factor = _HOURS_BY_UNIT.get((unit or "").lower())
    if factor is None or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value * factor if value > 0 else None
