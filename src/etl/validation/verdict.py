"""Judge a run's processed files against the contract: footers first, then what they leave open.

Nothing here connects to anything: files come in as open, seekable byte streams.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import IO, Any, Literal

import pyarrow as pa

from etl import hive
from etl.drift.diff import DRIFT, Diff
from etl.errors import ValidationError
from etl.model import Check, Contract
from etl.validation.arrow_schema import arrow_type, file_schema, schema_differences
from etl.validation.figures import Figure, Figures
from etl.validation.parquet_footers import UNREADABLE, Leaf, OpenFile, open_parquet

_MENTIONED = 5  # how many problems of a kind are spelled out


@dataclass(frozen=True, kw_only=True)
class ProcessedFile:
    """A file that the transform says it wrote.

    Attributes:
        size: Its bytes as the transform recorded them.
        open: Opens it; FileNotFoundError if it does not exist.
    """

    uri: str
    size: int
    open: Callable[[], IO[bytes]]


@dataclass(frozen=True, kw_only=True)
class RowCounts:
    """What the transform says became of the rows it read."""

    read: int
    valid: int
    quarantined: int
    deduplicated: int
    filtered: int = 0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One check with its figures; values are what JSON can carry.

    Attributes:
        severity: A failed "warning" is shown, but the verdict does not depend on it.
    """

    name: str
    column: str | None
    passed: bool
    measured: Any
    expected: Any
    severity: Literal["error", "warning"] = "error"


@dataclass(frozen=True, kw_only=True)
class Validation:
    """The verdict on a run. `rows` and `bytes` are as found in the files."""

    rows: int
    bytes: int
    checks: tuple[Outcome, ...]

    @property
    def passed(self) -> bool:
        """Whether every check did that is more than a warning."""
        return all(check.passed or check.severity == "warning" for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON objects."""
        return {
            "passed": self.passed,
            "rows": self.rows,
            "bytes": self.bytes,
            "checks": [asdict(check) for check in self.checks],
        }


def validate(
    contract: Contract,
    *,
    files: Iterable[ProcessedFile],
    counts: RowCounts,
    run_date: date,
    drift: Diff | None = None,
) -> Validation:
    """Check the files and the transform's counts against the contract.

    Args:
        drift: How the source's records differ from the contract; None if nobody has looked.

    When files are missing, damaged or of another schema, the checks of their values are left out:
    the verdict is a fail without them.
    """
    opened, problems = _open_all(contract, files)
    rows = sum(file.rows for file in opened)
    checks = [
        _outcome("files", not problems, _listed(problems) or len(opened), len(opened)),
        _schema_outcome(contract, opened),
        _outcome("rows_written", rows == counts.valid, rows, counts.valid),
        _conservation(counts),
    ]
    if checks[0].passed and checks[1].passed:
        try:
            checks += _value_outcomes(contract, opened, rows, counts, run_date)
        except UNREADABLE as error:
            checks.append(_outcome("values_readable", False, _first_line(error), "every page"))
    checks += _drift_outcomes(drift) if drift else []
    return Validation(rows=rows, bytes=sum(file.bytes for file in opened), checks=tuple(checks))


def _open_all(
    contract: Contract, files: Iterable[ProcessedFile]
) -> tuple[list[OpenFile], list[str]]:
    opened: list[OpenFile] = []
    problems: list[str] = []
    for file in files:
        try:
            stream = file.open()
        except FileNotFoundError:
            problems.append(f"{file.uri} does not exist")
            continue
        size = stream.seek(0, 2)
        if size != file.size:
            problems.append(f"{file.uri} has {size} bytes, the transform wrote {file.size}")
        try:
            constants = _constants(contract, file.uri)
        except ValueError as error:
            problems.append(f"{file.uri} {error}")
            continue
        try:
            opened.append(open_parquet(file.uri, stream, size=size, constants=constants))
        except UNREADABLE as error:
            problems.append(f"{file.uri} is not readable as Parquet: {_first_line(error)}")
    return opened, problems


def _constants(contract: Contract, uri: str) -> dict[str, pa.Scalar]:
    """The partition columns' values, which stand in the file's key."""
    values = hive.values_in(contract, uri)
    types = {name: arrow_type(contract.column(name).type) for name in values}
    return {name: pa.scalar(value, types[name]) for name, value in values.items()}


def _schema_outcome(contract: Contract, files: Sequence[OpenFile]) -> Outcome:
    expected = file_schema(contract)
    differences = [
        f"{file.uri}: {each}"
        for file in files
        for each in schema_differences(file.parquet.schema_arrow, expected)
    ]
    measured = _listed(differences) or f"{len(expected)} columns"
    return _outcome("schema", not differences, measured, f"{len(expected)} columns")


def _conservation(counts: RowCounts) -> Outcome:
    accounted = counts.valid + counts.quarantined + counts.deduplicated + counts.filtered
    return _outcome("rows_accounted_for", accounted == counts.read, accounted, counts.read)


def _drift_outcomes(drift: Diff) -> list[Outcome]:
    """One outcome for each field that has changed; what else has is told as well then."""
    changes = [each for each in drift.told if any(other.stops for other in drift.told)]
    if not changes:
        return [_outcome(DRIFT, True, 0, 0)]
    limit = f"at most {drift.limit_percent:g} % of the records"
    return [
        Outcome(
            name=DRIFT,
            column=each.field,
            passed=False,
            measured=f"{each.sign} {drift.words(each)}",
            expected=limit if each.stops and each.kind != "new" else "what the contract says",
            severity="error" if each.stops else "warning",
        )
        for each in changes
    ]


def _value_outcomes(
    contract: Contract, files: Sequence[OpenFile], rows: int, counts: RowCounts, run_date: date
) -> list[Outcome]:
    """The checks that look at values; what footers leave open is read in one scan."""
    figures = Figures(files, run_date=run_date)
    required = [(_leaf_name(leaf), figures.nulls(leaf)) for leaf in _required_leaves(contract)]
    rules = [(rule, figures.violations(rule)) for rule in contract.rules]
    checks = [(check, _metric(check, contract, figures, rows, counts)) for check in contract.checks]
    key = contract.primary_key
    unique = [(", ".join(key), figures.duplicates(key))] if key else []
    figures.read()
    return [
        *(_none_expected("required", name, nulls()) for name, nulls in required),
        *(_none_expected(rule.name, rule.column, broken()) for rule, broken in rules),
        *(_none_expected("primary_key_unique", name, repeats()) for name, repeats in unique),
        *(_bounded(check, measured()) for check, measured in checks),
    ]


def _required_leaves(contract: Contract) -> Iterator[Leaf]:
    for column in contract.columns:
        if contract.requires(column):
            yield column.name, None
        if column.type.element is not None:
            for field in column.type.element.fields:
                if field.required:
                    yield column.name, field.name


def _metric(
    check: Check, contract: Contract, figures: Figures, rows: int, counts: RowCounts
) -> Figure:
    match check.metric, check.column:
        case "row_count", _:
            return lambda: rows
        case "quarantined_percent", _:
            return lambda: 100 * counts.quarantined / counts.read if counts.read else 0.0
        case "null_count", str(column):
            return figures.nulls((column, None))
        case "duplicate_count", column:
            return figures.duplicates((column,) if column else contract.primary_key)
        case "freshness_hours", str(column):
            return figures.freshness_hours(column)
    raise ValidationError(
        f"check {check.name} measures {check.metric}"
        + (f" of {check.column}" if check.column else " of no column")
        + ", which the validator does not know",
        fix="correct the check in the contract",
    )


def _outcome(name: str, passed: bool, measured: Any, expected: Any) -> Outcome:
    return Outcome(name=name, column=None, passed=passed, measured=measured, expected=expected)


def _none_expected(name: str, column: str | None, found: float | None) -> Outcome:
    return Outcome(name=name, column=column, passed=not found, measured=found, expected=0)


def _bounded(check: Check, measured: float | None) -> Outcome:
    """Within the check's bounds; a figure that no row gives (None) breaks none."""
    low, high = check.minimum, check.maximum
    passed = measured is None or not (
        (low is not None and measured < low) or (high is not None and measured > high)
    )
    bounds = ((">=", low), ("<=", high))
    return Outcome(
        name=check.name,
        column=check.column,
        severity=check.severity,
        passed=passed,
        measured=round(measured, 4) if isinstance(measured, float) else measured,
        expected=" and ".join(
            f"{sign} {bound:.15g}" for sign, bound in bounds if bound is not None
        ),
    )


def _leaf_name(leaf: Leaf) -> str:
    column, field = leaf
    return column if field is None else f"{column}[].{field}"


def _listed(problems: Sequence[str]) -> str:
    more = len(problems) - _MENTIONED
    return "; ".join([*problems[:_MENTIONED], *([f"and {more} more"] if more > 0 else [])])


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
