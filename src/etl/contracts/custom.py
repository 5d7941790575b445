"""What the standard has no key for: a table's custom properties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from open_data_contract_standard.model import CustomProperty

from etl.contracts.compile import compile_condition
from etl.contracts.problems import Problems, did_you_mean
from etl.contracts.static_types import ExpressionError
from etl.model import (
    LINEAGE_COLUMNS,
    UNKNOWN_FIELDS,
    Check,
    Column,
    Contract,
    Expression,
    LoadMode,
    UnknownFields,
)

_LOAD_MODES: dict[str, LoadMode] = {"replace": "replace", "merge": "merge"}
_LOAD_MODE, _LATEST_BY, _LIMIT = "loadMode", "latestBy", "quarantineLimitPercent"
_FILTER, _LINEAGE, _PARTITIONS = "filter", "lineage", "partitionColumns"
_NORMALISE, _DROP_EMPTY, _DELETES = "normaliseNames", "dropEmpty", "detectDeletes"
_UNKNOWN, _DRIFT = "unknownFields", "driftLimitPercent"
_UNKNOWN_FIELDS: dict[str, UnknownFields] = {"ignore": "ignore", "keep": "keep", "stop": "stop"}
_OURS = {
    *(_LOAD_MODE, _LATEST_BY, _LIMIT, _FILTER, _LINEAGE, _PARTITIONS),
    *(_NORMALISE, _DROP_EMPTY, _DELETES, _UNKNOWN, _DRIFT),
}
_ORDERED_KINDS = ("timestamp", "date", "integer", "decimal")
_PARTITION_KINDS = ("string", "integer", "date", "boolean")
_PARTITION_BYTES = 128  # of a text that becomes part of a key, where a byte can take three


class CustomProperties:
    """A table's custom properties: ours by name, those of other tools left alone."""

    def __init__(self, found: Sequence[CustomProperty], where: str, problems: Problems) -> None:
        self._problems = problems
        self._where = f"{where}.customProperties"
        self._values = {each.property or "": each.value for each in found}
        self._positions = {each.property or "": index for index, each in enumerate(found)}
        for name in set(self._values) - _OURS:
            near = did_you_mean(name, _OURS - set(self._values))
            if near:
                at = f"{self._where}[{self._positions[name]}].property"
                problems.add(at, f'unknown "{name}"{near}', fix="mend the name")

    def read_load_mode(self, *, is_loaded: bool) -> LoadMode:
        """`loadMode`, which every table of a warehouse must have."""
        given = self._values.get(_LOAD_MODE, None if is_loaded else "replace")
        if str(given) not in _LOAD_MODES:
            near = did_you_mean(str(given), _LOAD_MODES)
            self._problems.add(
                self._at(_LOAD_MODE),
                "loadMode is missing" if given is None else f'unknown load mode "{given}"{near}',
                fix="write replace (a run date's rows replace that date's) or merge (rows replace "
                "those of the same key)",
            )
        return _LOAD_MODES.get(str(given), "replace")

    def read_latest_by(self, columns: Sequence[Column]) -> str | None:
        """`latestBy`: the column whose greatest value wins among rows of the same key."""
        given = self._values.get(_LATEST_BY)
        name = str(given)
        if given is None or name in self._problems.unreadable:
            return None
        kinds = {each.name: each.type.kind for each in columns}
        fitting = [each for each, kind in kinds.items() if kind in _ORDERED_KINDS]
        fix = f"name one of {', '.join(fitting)}" if fitting else "add a timestamp, or leave it out"
        if name not in kinds:
            near = did_you_mean(name, kinds)
            self._problems.add(
                self._at(_LATEST_BY), f'latestBy "{name}" is not a column{near}', fix=fix
            )
        elif name not in fitting:
            what = f'latestBy "{name}" is {kinds[name]}, which says nothing of time'
            self._problems.add(self._at(_LATEST_BY), what, fix=fix)
        return name

    def read_limit(self) -> tuple[Check, ...]:
        """`quarantineLimitPercent` as a check, if it is given."""
        limit = self._percentage(_LIMIT)
        if limit is None:
            return ()
        return (Check(name="quarantined_percent", metric="quarantined_percent", maximum=limit),)

    def read_drift_limit(self) -> float:
        """`driftLimitPercent`: how many records may not fit a field before the run stops."""
        limit = self._percentage(_DRIFT)
        return Contract.drift_limit_percent if limit is None else limit

    def read_unknown_fields(self, *, source_kind: str, is_transformed: bool) -> UnknownFields:
        """`unknownFields`: what becomes of fields that the contract does not name."""
        given = self._values.get(_UNKNOWN, "ignore")
        if str(given) not in _UNKNOWN_FIELDS:
            near = did_you_mean(str(given), _UNKNOWN_FIELDS)
            self._problems.add(
                self._at(_UNKNOWN),
                f'unknownFields is "{given}"{near}',
                fix="write ignore, keep (in the column _unknown_fields) or stop",
            )
        elif given != "ignore" and (source_kind == "sql" or not is_transformed):
            self._problems.add(
                self._at(_UNKNOWN),
                (
                    "of a table only the contract's columns are read"
                    if source_kind == "sql"
                    else "nothing looks for them in a contract that ends at raw"
                ),
                fix="leave unknownFields out",
            )
        return _UNKNOWN_FIELDS.get(str(given), "ignore")

    def read_normalise_names(self) -> bool:
        """`normaliseNames`: whether received names are read as snake_case."""
        return self._flag(_NORMALISE)

    def read_drop_empty(self) -> bool:
        """`dropEmpty`: whether empty values are as good as missing."""
        return self._flag(_DROP_EMPTY)

    def read_detect_deletes(self, *, load_mode: str, source_kind: str) -> bool:
        """`detectDeletes`: whether rows that are gone from the source leave the table."""
        wanted = self._flag(_DELETES)
        if wanted and (load_mode, source_kind) != ("merge", "sql"):
            self._problems.add(
                self._at(_DELETES),
                f"deletes cannot be detected with loadMode {load_mode} and a source of kind"
                f" {source_kind}",
                fix="use it with loadMode merge and a source of kind sql, or leave it out",
            )
        return wanted

    def read_filter(self, columns: Sequence[Column]) -> Expression | None:
        """`filter`: the condition that rows must meet to be kept."""
        text = self._values.get(_FILTER)
        if text is None:
            return None
        if not isinstance(text, str):
            self._problems.add(
                self._at(_FILTER), f"{text!r} is no condition", fix="write for example: amount > 0"
            )
            return None
        try:
            return compile_condition(text, {each.name: each.type for each in columns})
        except ExpressionError as error:
            self._problems.add_refusal(self._at(_FILTER), error)
            return None

    def read_lineage(self) -> tuple[Column, ...]:
        """`lineage`: the columns that say where a row comes from."""
        names = self._names(_LINEAGE, LINEAGE_COLUMNS)
        return tuple(column for name, column in LINEAGE_COLUMNS.items() if name in names)

    def read_partition_columns(
        self, columns: Sequence[Column], key: Sequence[str], *, is_loaded: bool
    ) -> tuple[str, ...]:
        """`partitionColumns`: what files are partitioned by, below the run date."""
        by_name = {each.name: each for each in columns}
        names = self._names(_PARTITIONS, by_name)
        if names and is_loaded:
            self._problems.add(
                self._at(_PARTITIONS),
                "the columns stand in the files' keys only, where COPY cannot read them",
                fix='remove partitionColumns, or the server "warehouse"',
            )
        for name in names:
            fault, fix = _partition_fault(by_name[name], key)
            if fault:
                self._problems.add(self._at(_PARTITIONS), f'"{name}" {fault}', fix=fix)
        return tuple(names)

    def _names(self, name: str, known: Sequence[str] | dict[str, Any]) -> list[str]:
        """A list of names, those that are known."""
        given = self._values.get(name, [])
        names: list[Any] = given if isinstance(given, list) else [None]
        if not all(isinstance(each, str) for each in names) or len(set(names)) < len(names):
            self._problems.add(
                self._at(name),
                f"{given!r} is no list of different names",
                fix=f"write for example value: [{next(iter(known), '')}]",
            )
            return []
        for each in names:
            if each not in known and each not in self._problems.unreadable:
                self._problems.add(
                    self._at(name),
                    f'{name}: there is no "{each}"{did_you_mean(each, known)}',
                    fix=f"choose of {', '.join(known)}",
                )
        return [each for each in names if each in known]

    def _percentage(self, name: str) -> float | None:
        given = self._values.get(name)
        if given is None:
            return None
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 100:
            self._problems.add(
                self._at(name), f"{given!r} is no percentage", fix="write a number from 0 to 100"
            )
            return None
        return given

    def _flag(self, name: str) -> bool:
        given = self._values.get(name, False)
        if not isinstance(given, bool):
            self._problems.add(
                self._at(name), f"{name} is {given!r}", fix="write true or false, without quotes"
            )
        return given is True

    def _at(self, name: str) -> str:
        """The path of its value inside the file."""
        if name not in self._positions:
            return self._where
        return f"{self._where}[{self._positions[name]}].value"


def unknown_columns(given: UnknownFields, columns: Sequence[Column]) -> tuple[Column, ...]:
    """The column for kept fields, for no more eyes than the others': they may hold anything."""
    if given != "keep":
        return ()
    hidden = (each.classification for each in columns if not each.is_open)
    return (replace(UNKNOWN_FIELDS, classification=next(hidden, "")),)


def _partition_fault(column: Column, key: Sequence[str]) -> tuple[str | None, str]:
    """What keeps files from being partitioned by the column, and what to do about it."""
    if column.name in key:
        return "is of the primary key, which has to stand in the files", "choose another column"
    if column.type.kind not in _PARTITION_KINDS:
        return f"is {column.type.kind}", f"choose one of {', '.join(_PARTITION_KINDS)}"
    if not column.required:
        return "can be NULL", "add required: true"
    if column.type.kind == "string" and column.type.max_bytes > _PARTITION_BYTES:
        fault = f"is VARCHAR({column.type.max_bytes}), too long for a key"
        return fault, f"make it VARCHAR({_PARTITION_BYTES}) at most, or choose another column"
    return None, ""
