"""A run's figures: from the footers where they decide, else from one scan of the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

from etl.expressions import columns_of
from etl.model import Rule
from etl.validation.duplicates import Repeats, count_duplicates, keys_folder
from etl.validation.limits import is_never_false
from etl.validation.parquet_footers import (
    Leaf,
    OpenFile,
    as_instant,
    latest,
    leaf_path,
    null_count,
    row_group_limits,
)
from etl.validation.scan import Latest, Measure, Nulls, Violations, scan

# A figure is asked for first and known after `Figures.read`; None if no row gives one.
Figure = Callable[[], float | None]


class Figures:
    """What is asked of a run's files: ask for all figures, `read` once, then call them."""

    def __init__(self, files: Sequence[OpenFile], *, run_date: date) -> None:
        self._files = files
        self._run_date = run_date
        self._measures: list[Measure] = []
        self._duplicates: dict[tuple[str, ...], int] = {}

    def read(self) -> None:
        """Read the columns that the figures asked for so far need, once; repeated values again."""
        rows = sum(file.rows for file in self._files)
        with keys_folder() as folder:
            repeats = {}
            for number, columns in enumerate(self._duplicates):
                (folder / str(number)).mkdir()
                repeats[columns] = Repeats(columns, rows=rows, folder=folder / str(number))
            scan(self._files, [*self._measures, *repeats.values()])
            found = [columns for columns, repeat in repeats.items() if repeat.found()]
        for columns in found:
            self._duplicates[columns] = count_duplicates(self._files, columns)

    def nulls(self, leaf: Leaf) -> Figure:
        """How many NULLs the leaf has."""
        known = null_count(self._files, leaf)
        if known == 0 or (known is not None and self._is_flat(leaf)):
            return lambda: known
        measure = Nulls(leaf)
        self._measures.append(measure)
        return lambda: measure.count

    def violations(self, rule: Rule) -> Figure:
        """How many rows break the rule."""
        groups = row_group_limits(self._files, columns_of(rule.expression))
        if all(is_never_false(rule.expression, limits, self._run_date) for limits in groups):
            return lambda: 0
        measure = Violations(rule, self._run_date)
        self._measures.append(measure)
        return lambda: measure.count

    def freshness_hours(self, column: str) -> Figure:
        """How long before the end of the run date (UTC) the column's latest value is."""
        decided, value = latest(self._files, column)
        if decided:
            return lambda: self._age_hours(value)
        measure = Latest(column)
        self._measures.append(measure)
        return lambda: self._age_hours(measure.value)

    def duplicates(self, columns: tuple[str, ...]) -> Figure:
        """How many rows repeat an earlier row's values."""
        self._duplicates[columns] = 0
        return lambda: self._duplicates[columns]

    def _is_flat(self, leaf: Leaf) -> bool:
        files = (file for file in self._files if leaf[0] not in file.constants)
        return all("." not in leaf_path(file, leaf) for file in files)

    def _age_hours(self, value: datetime | None) -> float | None:
        if value is None:
            return None
        end = as_instant(self._run_date + timedelta(days=1))
        return (end - value) / timedelta(hours=1)
