"""From ODCS `quality`, `enum`, `logicalTypeOptions` and `slaProperties` to rules and checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from open_data_contract_standard.model import (
    DataQuality,
    SchemaObject,
    ServiceLevelAgreementProperty,
)

from etl.contracts.names import IDENTIFIER
from etl.contracts.problems import Problems
from etl.contracts.properties import Property
from etl.contracts.row_rules import RowRules
from etl.contracts.run_checks import RunChecks
from etl.model import Check, Rule, Type

_ROW_ENGINE = "row"
_SEVERITIES = (None, "error", "warning")


class QualityReader:
    """Collects a table's rules and checks, in the order of the file."""

    def __init__(self, columns: Mapping[str, Type], key: Sequence[str], problems: Problems) -> None:
        self.rules: list[Rule] = []
        self.checks: list[Check] = []
        self._columns = columns
        self._key = tuple(key)
        self._problems = problems
        self._names: dict[str, str] = {}
        self._row_rules = RowRules(columns, self._keep_rule, problems)
        self._run_checks = RunChecks(columns, key, self._keep_check, problems)

    def read_property(self, found: Property) -> None:
        """The rules and checks that stand with a column."""
        column, definition = found.column_name, found.definition
        if column not in self._columns:
            return
        self._row_rules.add_options(column, definition, found.where)
        if definition.unique and self._key != (column,):
            self._run_checks.add_unique(column, f"{found.where}.unique")
        for index, quality in enumerate(definition.quality or []):
            self._read(quality, column, f"{found.where}.quality[{index}]")

    def read_table(self, table: SchemaObject, where: str) -> None:
        """The rules and checks that stand with the table."""
        for index, quality in enumerate(table.quality or []):
            self._read(quality, None, f"{where}.quality[{index}]")

    def read_agreements(
        self, agreements: Sequence[ServiceLevelAgreementProperty], table: str
    ) -> None:
        """The service levels that are checked."""
        for index, each in enumerate(agreements):
            self._run_checks.add_agreement(each, table, f"slaProperties[{index}]")

    def _read(self, quality: DataQuality, column: str | None, where: str) -> None:
        if quality.type == "text":
            return
        name = self._given_name(quality, where)
        if quality.severity not in _SEVERITIES:
            self._problems.add(
                f"{where}.severity",
                f'"{quality.severity}" is not known',
                fix="write error (the default) or warning",
            )
        if quality.metric == "invalidValues":
            self._read_invalid_values(quality, column, where, name=name)
        elif quality.metric:
            self._run_checks.add_metric(quality, column, where, name=name)
        elif quality.type == "custom" and quality.engine == _ROW_ENGINE:
            self._read_row_rule(quality, column, where, name=name)
        else:
            self._problems.add(
                where,
                f"type {quality.type}, engine {quality.engine!r} is not run here",
                fix="use type: custom, engine: row with a condition, or a metric",
            )

    def _read_row_rule(
        self, quality: DataQuality, column: str | None, where: str, *, name: str | None
    ) -> None:
        if not name:
            self._problems.add(f"{where}.name", "is missing", fix="add name:, rejects show it")
        if not isinstance(quality.implementation, str):
            self._problems.add(
                f"{where}.implementation", "is not text", fix="write a condition: subtotal >= 0"
            )
            return
        self._forbid_warning(quality, where)
        text = " ".join(quality.implementation.split())
        at = f"{where}.implementation"
        description = quality.description
        self._row_rules.add_condition(name or where, column, text, at, description=description)

    def _read_invalid_values(
        self, quality: DataQuality, column: str | None, where: str, *, name: str | None
    ) -> None:
        if column is None or quality.mustBe != 0:
            self._problems.add(
                where,
                "invalidValues is for columns, with mustBe: 0: such rows are quarantined",
                fix="write mustBe: 0; quarantineLimitPercent bounds how many there may be",
            )
            return
        self._forbid_warning(quality, where)
        name = name or f"{column}_valid"
        at, told = f"{where}.arguments", quality.description
        match quality.arguments:
            case {"validValues": list(values), **others} if not others:
                at = f"{at}.validValues"
                self._row_rules.add_values(name, column, values, at, description=told)
            case {"pattern": str(pattern), **others} if not others:
                at = f"{at}.pattern"
                self._row_rules.add_pattern(name, column, pattern, at, description=told)
            case _:
                self._problems.add(
                    at, "says not what is valid", fix="give validValues: […] or pattern: ^…$"
                )

    def _forbid_warning(self, quality: DataQuality, where: str) -> None:
        if quality.severity == "warning":
            self._problems.add(
                f"{where}.severity",
                "a row that breaks a rule is always quarantined",
                fix="leave severity out, or use a metric",
            )

    def _given_name(self, quality: DataQuality, where: str) -> str | None:
        given = quality.name or quality.id
        if given and not IDENTIFIER.fullmatch(given):
            self._problems.add(
                f"{where}.name", f'"{given}" is not a plain name', fix="use a-z, 0-9 and _"
            )
        return given

    def _keep_rule(self, rule: Rule, where: str) -> None:
        if self._claim(rule.name, where):
            self.rules.append(rule)

    def _keep_check(self, check: Check, where: str) -> None:
        if self._claim(check.name, where):
            self.checks.append(check)

    def _claim(self, name: str, where: str) -> bool:
        earlier = self._names.setdefault(name, where)
        if earlier != where:
            self._problems.add(
                where,
                f'the name "{name}" is taken, see {earlier}',
                fix="give this one another name",
            )
        return earlier == where
