"""From ODCS `quality`, `enum` and `logicalTypeOptions` to row rules and checks of the run.

A row rule judges one row; a row that breaks it is quarantined. A check judges what is left of the
run as a whole; a run that fails it is not loaded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from open_data_contract_standard.model import (
    DataQuality,
    SchemaObject,
    SchemaProperty,
    ServiceLevelAgreementProperty,
)

from etl.contracts.compiler import compile_condition
from etl.contracts.names import IDENTIFIER
from etl.contracts.patterns import PatternError, compile_pattern
from etl.contracts.problems import Problems, did_you_mean
from etl.contracts.properties import Property
from etl.contracts.static_types import ExpressionError
from etl.model import Check, Expression, Rule, Type

_ROW_ENGINE = "row"
_BOUNDS = {
    "minimum": ">=",
    "maximum": "<=",
    "exclusiveMinimum": ">",
    "exclusiveMaximum": "<",
}
_LENGTHS = {"minLength": ">=", "maxLength": "<="}
_FRESHNESS = ("latency", "ly", "freshness")
_HOURS = {
    **dict.fromkeys(("h", "hour", "hours"), 1.0),
    **dict.fromkeys(("d", "day", "days"), 24.0),
    **dict.fromkeys(("min", "minute", "minutes"), 1 / 60),
}


class QualityReader:
    """Collects a table's rules and checks."""

    def __init__(self, columns: Mapping[str, Type], key: Sequence[str], problems: Problems) -> None:
        self.rules: list[Rule] = []
        self.checks: list[Check] = []
        self._columns = columns
        self._key = key
        self._problems = problems

    def read_property(self, found: Property) -> None:
        """The rules and checks that stand with a column."""
        name, definition = found.column_name, found.definition
        if name not in self._columns:
            return
        self._read_options(name, definition, found.where)
        if definition.enum is not None:
            values = [each.value for each in definition.enum]
            self._add_values(f"{name}_enum", name, values, f"{found.where}.enum")
        if definition.unique and tuple(self._key) != (name,):
            self._add_check(
                Check(name=f"{name}_unique", metric="duplicate_count", column=name, maximum=0),
                f"{found.where}.unique",
            )
        for index, quality in enumerate(definition.quality or []):
            self._read_quality(quality, name, f"{found.where}.quality[{index}]")

    def read_table(self, table: SchemaObject, where: str) -> None:
        """The rules and checks that stand with the table."""
        for index, quality in enumerate(table.quality or []):
            self._read_quality(quality, None, f"{where}.quality[{index}]")

    def read_agreements(
        self, agreements: Sequence[ServiceLevelAgreementProperty], table: str
    ) -> None:
        """`latency` is checked; other service levels are for people to read."""
        for index, each in enumerate(agreements):
            where = f"slaProperties[{index}]"
            if (each.property or "").lower() not in _FRESHNESS:
                continue
            column = (each.element or "").removeprefix(f"{table}.")
            if column not in self._columns or self._columns[column].kind not in (
                "timestamp",
                "date",
            ):
                self._problems.add(
                    f"{where}.element",
                    f"{each.element!r} is no timestamp or date column"
                    + did_you_mean(column, self._columns),
                    fix=f"write element: {table}.<column>",
                )
                continue
            hours = _HOURS.get((each.unit or "").lower())
            if hours is None or isinstance(each.value, bool | str) or each.value is None:
                self._problems.add(
                    where, "is not a length of time", fix="write for example value: 48, unit: h"
                )
                continue
            check = Check(
                name=self._name(each.id, f"{column}_freshness", where),
                metric="freshness_hours",
                column=column,
                maximum=each.value * hours,
            )
            self._add_check(check, where)

    def _read_options(self, name: str, definition: SchemaProperty, where: str) -> None:
        for option, value in (definition.logicalTypeOptions or {}).items():
            at = f"{where}.logicalTypeOptions.{option}"
            if option in _BOUNDS:
                text = f"{name} {_BOUNDS[option]} {self._literal(name, value)}"
                self._add_rule(f"{name}_{_slug(option)}", name, text, at)
            elif option in _LENGTHS:
                text = f"length({name}) {_LENGTHS[option]} {value}"
                self._add_rule(f"{name}_{_slug(option)}", name, text, at)
            elif option == "pattern":
                self._add_pattern(f"{name}_pattern", name, str(value), at)
            elif option not in ("timezone", "defaultTimezone"):
                self._problems.add(
                    at, "is not checked here", fix="leave it out, or write a row rule"
                )

    def _read_quality(self, quality: DataQuality, column: str | None, where: str) -> None:
        match quality.type or "library":
            case "text":
                return
            case "library":
                self._read_metric(quality, column, where)
            case "custom" if quality.engine == _ROW_ENGINE:
                self._read_row_rule(quality, column, where)
            case other:
                self._problems.add(
                    where,
                    f"type {other}, engine {quality.engine!r} is not run here",
                    fix="use type: custom, engine: row with a condition, or a library metric",
                )

    def _read_row_rule(self, quality: DataQuality, column: str | None, where: str) -> None:
        if not (quality.name or quality.id):
            self._problems.add(f"{where}.name", "is missing", fix="add name:, rejects show it")
        if not isinstance(quality.implementation, str):
            self._problems.add(
                f"{where}.implementation", "is not text", fix="write a condition: subtotal >= 0"
            )
            return
        name = self._name(quality.name or quality.id, "rule", where)
        text = " ".join(quality.implementation.split())
        self._add_rule(
            name, column, text, f"{where}.implementation", description=quality.description
        )

    def _read_metric(self, quality: DataQuality, column: str | None, where: str) -> None:
        metric = quality.metric or quality.rule
        if metric == "invalidValues":
            self._read_invalid_values(quality, column, where)
            return
        arguments = quality.arguments or {}
        match metric, column:
            case "nullValues", str():
                name, measured = f"{column}_null_count", "null_count"
            case "duplicateValues", str():
                name, measured = f"{column}_duplicate_count", "duplicate_count"
            case "duplicateValues", None if arguments.get("properties") == list(self._key):
                name, measured = "primary_key_duplicate_count", "duplicate_count"
            case "rowCount", None:
                name, measured = "row_count", "row_count"
            case _:
                self._problems.add(
                    where,
                    f"{metric} is not measured {'here' if column else 'of the table'}",
                    fix="columns have nullValues, duplicateValues, invalidValues; the table has "
                    f"rowCount, and duplicateValues of its key, {list(self._key)}",
                )
                return
        if (quality.unit or "rows") != "rows":
            self._problems.add(
                f"{where}.unit", f"{quality.unit} is not measured here", fix="write unit: rows"
            )
        minimum, maximum = self._read_bounds(quality, where)
        check = Check(
            name=self._name(quality.name or quality.id, name, where),
            metric=measured,
            column=column,
            minimum=minimum,
            maximum=maximum,
            severity="warning" if quality.severity == "warning" else "error",
        )
        self._add_check(check, where)

    def _read_invalid_values(self, quality: DataQuality, column: str | None, where: str) -> None:
        arguments = quality.arguments or {}
        if column is None or quality.mustBe != 0:
            self._problems.add(
                where,
                "invalidValues holds for columns, with mustBe: 0: such rows are quarantined",
                fix="write mustBe: 0; quarantineLimitPercent bounds how many there may be",
            )
            return
        name = self._name(quality.name or quality.id, f"{column}_valid", where)
        if set(arguments) == {"validValues"} and isinstance(arguments["validValues"], list):
            at = f"{where}.arguments.validValues"
            self._add_values(name, column, arguments["validValues"], at, quality.description)
        elif set(arguments) == {"pattern"}:
            at = f"{where}.arguments.pattern"
            self._add_pattern(name, column, str(arguments["pattern"]), at, quality.description)
        else:
            self._problems.add(
                f"{where}.arguments",
                "says nothing of what is valid",
                fix="give validValues: [...] or pattern: ^…$",
            )

    def _read_bounds(self, quality: DataQuality, where: str) -> tuple[float | None, float | None]:
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
                fix="use mustBe, mustBeBetween, mustBeLessThan, mustBeGreaterThan, …OrEqualTo",
            )
        return None, quality.mustBeLessOrEqualTo

    def _add_values(
        self,
        name: str,
        column: str,
        values: Sequence[Any],
        where: str,
        description: str | None = None,
    ) -> None:
        literals = ", ".join(self._literal(column, value) for value in values)
        self._add_rule(name, column, f"{column} in ({literals})", where, description=description)

    def _add_pattern(
        self, name: str, column: str, pattern: str, where: str, description: str | None = None
    ) -> None:
        if self._columns[column].kind != "string":
            self._problems.add(
                where, f"{column} is no text", fix="patterns are for VARCHAR columns"
            )
            return
        try:
            expression: Expression = ["matches", ["col", column], compile_pattern(pattern)]
        except PatternError as error:
            self._problems.add(where, str(error), fix=error.fix)
            return
        told = (description or f"{column} matches {pattern}").strip()
        self._keep_rule(
            Rule(name=name, expression=expression, column=column, description=told), where
        )

    def _add_rule(
        self,
        name: str,
        column: str | None,
        text: str,
        where: str,
        *,
        description: str | None = None,
    ) -> None:
        try:
            expression = compile_condition(text, self._columns)
        except ExpressionError as error:
            self._problems.add(where, str(error), fix=error.fix)
            return
        told = (description or text).strip()
        self._keep_rule(
            Rule(name=name, expression=expression, column=column, description=told), where
        )

    def _keep_rule(self, rule: Rule, where: str) -> None:
        if self._is_new(rule.name, where):
            self.rules.append(rule)

    def _add_check(self, check: Check, where: str) -> None:
        if self._is_new(check.name, where):
            self.checks.append(check)

    def _is_new(self, name: str, where: str) -> bool:
        taken = {each.name for each in self.rules} | {each.name for each in self.checks}
        if name in taken:
            self._problems.add(where, f'there is a rule or check "{name}" before', fix="rename one")
            return False
        return True

    def _name(self, given: str | None, default: str, where: str) -> str:
        if given is not None and not IDENTIFIER.fullmatch(given):
            self._problems.add(
                f"{where}.name", f'"{given}" is not a plain name', fix="use a-z, 0-9 and _"
            )
        return given or default

    def _literal(self, column: str, value: Any) -> str:
        """A YAML value as a literal; the compiler refuses one that does not fit the column."""
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str):
            quoted = "'" + value.replace("'", "''") + "'"
            return f"date {quoted}" if self._columns[column].kind == "date" else quoted
        return "null" if value is None else repr(value)


def _slug(option: str) -> str:
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in option)
