"""Row rules: what must be true of each row; a row that breaks one is quarantined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from open_data_contract_standard.model import SchemaProperty

from etl.contracts.compile import compile_condition
from etl.contracts.names import snake_case
from etl.contracts.patterns import PatternError, compile_pattern
from etl.contracts.problems import Problems
from etl.contracts.static_types import ExpressionError
from etl.model import Expression, Rule, Type

_BOUNDS = {
    "minimum": ">=",
    "maximum": "<=",
    "exclusiveMinimum": ">",
    "exclusiveMaximum": "<",
}
_LENGTHS = {"minLength": ">=", "maxLength": "<="}
# What TIMESTAMPTZ is anyway, and how values are written.
_WITHOUT_RULE = ("timezone", "defaultTimezone", "format")


class RowRules:
    """Makes a table's row rules and hands each to `keep`, with its place in the file."""

    def __init__(
        self,
        columns: Mapping[str, Type],
        keep: Callable[[Rule, str], None],
        problems: Problems,
    ) -> None:
        self._columns = columns
        self._keep = keep
        self._problems = problems

    def add_options(self, column: str, definition: SchemaProperty, where: str) -> None:
        """The rules that `logicalTypeOptions` and `enum` amount to."""
        for option, value in (definition.logicalTypeOptions or {}).items():
            at = f"{where}.logicalTypeOptions.{option}"
            name = f"{column}_{snake_case(option)}"
            if option in _BOUNDS:
                text = f"{column} {_BOUNDS[option]} {self._literal(column, value)}"
                self.add_condition(name, column, text, at)
            elif option in _LENGTHS:
                self.add_condition(name, column, f"length({column}) {_LENGTHS[option]} {value}", at)
            elif option == "pattern":
                self.add_pattern(name, column, str(value), at)
            elif option not in _WITHOUT_RULE:
                self._problems.add(
                    at, "is not checked here", fix="leave it out, or write a row rule"
                )
        if definition.enum is not None:
            values = [each.value for each in definition.enum]
            self.add_values(f"{column}_enum", column, values, f"{where}.enum")

    def add_condition(
        self,
        name: str,
        column: str | None,
        text: str,
        where: str,
        *,
        description: str | None = None,
    ) -> None:
        """A rule from a condition's text."""
        try:
            expression = compile_condition(text, self._columns)
        except ExpressionError as error:
            self._problems.add_refusal(where, error)
            return
        self._make(name, column, expression, description or text, where)

    def add_values(
        self,
        name: str,
        column: str,
        values: Sequence[Any],
        where: str,
        *,
        description: str | None = None,
    ) -> None:
        """A rule that allows some values only."""
        literals = ", ".join(self._literal(column, value) for value in values)
        text = f"{column} in ({literals})"
        self.add_condition(name, column, text, where, description=description)

    def add_pattern(
        self, name: str, column: str, pattern: str, where: str, *, description: str | None = None
    ) -> None:
        """A rule that a text matches a pattern."""
        if self._columns[column].kind != "string":
            self._problems.add(
                where, f"{column} is no text", fix="patterns are for VARCHAR columns"
            )
            return
        try:
            expression: Expression = ["matches", ["col", column], compile_pattern(pattern)]
        except PatternError as error:
            self._problems.add_refusal(where, error)
            return
        self._make(name, column, expression, description or f"{column} matches {pattern}", where)

    def _make(
        self, name: str, column: str | None, expression: Expression, description: str, where: str
    ) -> None:
        rule = Rule(
            name=name,
            expression=expression,
            column=column,
            description=" ".join(description.split()),
        )
        self._keep(rule, where)

    def _literal(self, column: str, value: Any) -> str:
        """A YAML value as a literal; the compiler refuses one that does not fit the column."""
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str):
            quoted = "'" + value.replace("'", "''") + "'"
            return f"date {quoted}" if self._columns[column].kind == "date" else quoted
        return "null" if value is None else repr(value)
