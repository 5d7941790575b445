"""What the standard has no key for: a table's custom properties."""

from __future__ import annotations

from collections.abc import Sequence

from open_data_contract_standard.model import CustomProperty

from etl.contracts.problems import Problems, did_you_mean
from etl.model import Check, Column, LoadMode

_LOAD_MODES: dict[str, LoadMode] = {"replace": "replace", "merge": "merge"}
_OURS = _LOAD_MODE, _LATEST_BY, _LIMIT = "loadMode", "latestBy", "quarantineLimitPercent"
_ORDERED_KINDS = ("timestamp", "date", "integer", "decimal")


class CustomProperties:
    """A table's custom properties: ours by name, those of other tools left alone."""

    def __init__(self, found: Sequence[CustomProperty], where: str, problems: Problems) -> None:
        self._problems = problems
        self._where = f"{where}.customProperties"
        self._values = {each.property or "": each.value for each in found}
        self._positions = {each.property or "": index for index, each in enumerate(found)}
        for name in set(self._values) - set(_OURS):
            near = did_you_mean(name, set(_OURS) - set(self._values))
            if near:
                at = f"{self._where}[{self._positions[name]}].property"
                problems.add(at, f'unknown "{name}"{near}', fix="mend the name")

    def read_load_mode(self) -> LoadMode:
        """`loadMode`, which every table must have."""
        given = self._values.get(_LOAD_MODE)
        if given not in _LOAD_MODES:
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
        name = self._values.get(_LATEST_BY)
        if name is None or name in self._problems.unreadable:
            return None
        kinds = {each.name: each.type.kind for each in columns}
        fitting = [each for each, kind in kinds.items() if kind in _ORDERED_KINDS]
        fix = f"name one of {', '.join(fitting)}" if fitting else "add a timestamp, or leave it out"
        if name not in kinds:
            near = did_you_mean(str(name), kinds)
            self._problems.add(
                self._at(_LATEST_BY), f'latestBy "{name}" is not a column{near}', fix=fix
            )
        elif name not in fitting:
            what = f'latestBy "{name}" is {kinds[name]}, which says nothing of time'
            self._problems.add(self._at(_LATEST_BY), what, fix=fix)
        return str(name)

    def read_limit(self) -> tuple[Check, ...]:
        """`quarantineLimitPercent` as a check, if it is given."""
        limit = self._values.get(_LIMIT)
        if limit is None:
            return ()
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 <= limit <= 100:
            self._problems.add(
                self._at(_LIMIT), f"{limit!r} is no percentage", fix="write a number from 0 to 100"
            )
            return ()
        return (Check(name="quarantined_percent", metric="quarantined_percent", maximum=limit),)

    def _at(self, name: str) -> str:
        """The path of its value inside the file."""
        if name not in self._positions:
            return self._where
        return f"{self._where}[{self._positions[name]}].value"
