"""One line held against the contract: which fields it has beside, which it lacks, which differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from etl.drift.expected import Field, expected_fields, flat
from etl.drift.words import shown_label, value_words
from etl.judge import parse_line, room_for_depth, tidy
from etl.model import Contract
from etl.received import Unfit, Unlike, show
from etl.tidying import normalise_name
from etl.unknown_fields import KnownFields, label

Kind = Literal["new", "missing", "type", "nested", "name", "record"]
RECORD = "(record)"
HIDDEN = "***"
_NESTING = ("object", "array")
_MOST_TWINS = 200  # names inside unknown fields that are compared with missing ones


class Seen(NamedTuple):
    """A difference in one record.

    Attributes:
        field: Where it is, as the contract names it; for "new" as the record does.
        found: What the record has there, in words.
        example: The value, shortened, or `HIDDEN`; None where there is none.
    """

    kind: Kind
    field: str
    expected: str
    found: str
    example: str | None


@dataclass(frozen=True, kw_only=True)
class Look:
    """What one line shows. `fields` are the contract's fields that it has."""

    seen: list[Seen]
    fields: frozenset[str]


class Looker:
    """Looks at the lines of a contract. It can be pickled."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._known = KnownFields(contract)
        self._fields = expected_fields(contract)
        self._is_open = all(each.is_open for each in contract.columns)

    @property
    def optional_fields(self) -> dict[str, str]:
        """The fields that need not be there, with the words for what is expected."""
        return {each.label: each.expected for each in flat(self._fields) if not each.required}

    def __call__(self, line: str, reasons: str = "") -> Look:
        """Look at a line.

        Args:
            reasons: Why it was rejected, as the quarantine has them: only the values that they name
                are tried again.
        """
        unfit = {each.partition(":")[0] for each in reasons.split("; ")}
        try:
            with room_for_depth(line):
                return _LineLook(self._known, self._is_open, unfit).run(
                    parse_line(line), self._contract, self._fields
                )
        except Unfit as error:
            found = "no JSON object" if isinstance(error, Unlike) else str(error).partition(":")[0]
            seen = Seen("record", RECORD, "a JSON object", found, self._shown(line))
            return Look(seen=[seen], fields=frozenset())

    def _shown(self, line: str) -> str:
        return show(line) if self._is_open else HIDDEN


class _LineLook:
    """The look at one record: what is seen first of a field counts."""

    def __init__(self, known: KnownFields, is_open: bool, unfit: set[str]) -> None:
        self._known, self._is_open, self._unfit = known, is_open, unfit
        self._seen: dict[tuple[str, str], Seen] = {}
        self._twins: dict[str, tuple[str, str, Any]] = {}
        self._present: set[str] = set()
        self._used: set[str] = set()

    def run(self, received: dict[str, Any], contract: Contract, fields: tuple[Field, ...]) -> Look:
        others: dict[str, Any] = {}
        for path, value in self._known.others(received):
            others.setdefault(label(path), value)
        self._twins = dict(_twins(others))
        record = tidy(received, contract)
        for field in fields:
            self._look(field, record)
        for name, value in others.items():
            if name not in self._used:
                self._note_new(name, value)
        return Look(seen=list(self._seen.values()), fields=frozenset(self._present))

    def _look(self, field: Field, around: dict[str, Any]) -> None:
        name = field.path[-1]
        if name in around:
            self._present.add(field.label)
        value = around.get(name)
        if value is None:
            self._lacks(field, "null" if name in around else "missing")
        elif field.inside:
            self._look_inside(field, value)
        elif field.column in self._unfit:
            self._look_at_value(field, value)

    def _lacks(self, field: Field, found: str) -> None:
        twin = self._twins.get(_twin_name(field)) if found == "missing" else None
        if twin is not None:
            other, root, value = twin
            self._used.add(root)
            depth = other.count(".") == field.label.count(".")
            self._note("name" if depth else "nested", field, f"sent as {shown_label(other)}", value)
        elif any(_twin_name(each) in self._twins for each in field.inside):
            for each in field.inside:
                self._lacks(each, found)
        elif field.required:
            self._note("missing", field, found, None)

    def _look_inside(self, field: Field, value: Any) -> None:
        if isinstance(value, dict):
            for each in field.inside:
                self._look(each, value)
        else:
            self._note("nested", field, value_words(value), value)

    def _look_at_value(self, field: Field, value: Any) -> None:
        if field.element is not None and isinstance(value, list):
            for each in value:
                self._look_at_element(field.element, each)
            return
        assert field.cast is not None
        try:
            cast = field.cast(value)
        except Unlike:
            nests = field.element is not None or value_words(value) in _NESTING
            self._note("nested" if nests else "type", field, value_words(value), value)
        except Unfit:
            pass  # of its kind, but too long, too large or too exact
        else:
            if cast is None and field.required:
                self._note("missing", field, "empty" if value == "" else "null", None)

    def _look_at_element(self, element: Field, value: Any) -> None:
        if value is None:
            return
        if element.inside:
            self._look_inside(element, value)
        else:
            self._look_at_value(element, value)

    def _note(self, kind: Kind, field: Field, found: str, value: Any) -> None:
        expected = f"{field.expected}, required" if field.required else field.expected
        example = None if value is None else show(value) if field.is_open else HIDDEN
        seen = Seen(kind, field.label, expected, found, example)
        self._seen.setdefault(("", field.label), seen)

    def _note_new(self, name: str, value: Any) -> None:
        example = None if value is None else show(value) if self._is_open else HIDDEN
        seen = Seen("new", shown_label(name), "not in the contract", value_words(value), example)
        self._seen.setdefault(("new", seen.field), seen)


def _twins(others: dict[str, Any]) -> Iterator[tuple[str, tuple[str, str, Any]]]:
    """By one spelling of all their names: unknown fields and what is inside, with the field that
    they are inside of."""
    todo = [(name, name, value) for name, value in reversed(others.items())]
    for _ in range(_MOST_TWINS):
        if not todo:
            return
        name, root, value = todo.pop()
        yield normalise_name(name), (name, root, value)
        if type(value) is dict:
            todo += [(f"{name}.{each}", root, inner) for each, inner in value.items()]


def _twin_name(field: Field) -> str:
    return normalise_name(field.label)
