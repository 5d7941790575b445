"""One line held against the contract: which fields it has beside, which it lacks, which differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from etl.casts import Caster, caster
from etl.drift.words import shown_label, type_words, value_words
from etl.judge import column_caster, parse_line, room_for_depth, tidy
from etl.model import Column, Contract, Type
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


@dataclass(frozen=True, kw_only=True)
class _Field:
    """A field that the contract expects; an object's have `inside`, an array's an `element`."""

    path: tuple[str, ...]
    label: str
    expected: str
    required: bool
    is_open: bool
    cast: Caster | None = None
    inside: tuple[_Field, ...] = ()
    element: _Field | None = None


class Looker:
    """Looks at the lines of a contract. It can be pickled."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._known = KnownFields(contract)
        self._fields = _fields((), contract.received_columns, contract)
        self._is_open = all(each.is_open for each in contract.columns)

    @property
    def optional_fields(self) -> dict[str, str]:
        """The fields that need not be there, with the words for what is expected."""
        return {each.label: each.expected for each in _flat(self._fields) if not each.required}

    def __call__(self, line: str, *, is_rejected: bool) -> Look:
        """Look at a line; the types of its values only if it was rejected."""
        try:
            with room_for_depth(line):
                return _LineLook(self._known, self._is_open, is_rejected).run(
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

    def __init__(self, known: KnownFields, is_open: bool, is_rejected: bool) -> None:
        self._known, self._is_open, self._is_rejected = known, is_open, is_rejected
        self._seen: dict[tuple[str, str], Seen] = {}
        self._present: set[str] = set()
        self._used: set[str] = set()

    def run(self, received: dict[str, Any], contract: Contract, fields: tuple[_Field, ...]) -> Look:
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

    def _look(self, field: _Field, around: dict[str, Any]) -> None:
        name = field.path[-1]
        if name in around:
            self._present.add(field.label)
        value = around.get(name)
        if value is None:
            self._lacks(field, "null" if name in around else "missing")
        elif field.inside:
            self._look_inside(field, value)
        elif self._is_rejected:
            self._look_at_value(field, value)

    def _lacks(self, field: _Field, found: str) -> None:
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

    def _look_inside(self, field: _Field, value: Any) -> None:
        if isinstance(value, dict):
            for each in field.inside:
                self._look(each, value)
        else:
            self._note("nested", field, value_words(value), value)

    def _look_at_value(self, field: _Field, value: Any) -> None:
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

    def _look_at_element(self, element: _Field, value: Any) -> None:
        if value is None:
            return
        if element.inside:
            self._look_inside(element, value)
        else:
            self._look_at_value(element, value)

    def _note(self, kind: Kind, field: _Field, found: str, value: Any) -> None:
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


def _twin_name(field: _Field) -> str:
    return normalise_name(field.label)


def _fields(
    above: tuple[str, ...], columns: tuple[Column, ...], contract: Contract
) -> tuple[_Field, ...]:
    groups: dict[str, list[Column]] = {}
    for column in columns:
        groups.setdefault(column.path[len(above)], []).append(column)
    return tuple(_field((*above, name), tuple(inside), contract) for name, inside in groups.items())


def _field(path: tuple[str, ...], columns: tuple[Column, ...], contract: Contract) -> _Field:
    deeper = tuple(each for each in columns if len(each.path) > len(path))
    required = {*contract.primary_key, *(each.name for each in columns if each.required)}
    is_required = any(each.name in required for each in columns)
    if deeper:
        return _Field(
            path=path,
            label=label(path),
            expected="object",
            required=is_required,
            is_open=all(each.is_open for each in columns),
            inside=_fields(path, deeper, contract),
        )
    column, encoding = columns[0], contract.source.encoding
    return _Field(
        path=path,
        label=label(path),
        expected=type_words(column.type),
        required=is_required,
        is_open=all(each.is_open for each in columns),
        cast=column_caster(column, encoding),
        element=_element(path, column) if column.type.element and encoding == "json" else None,
    )


def _element(path: tuple[str, ...], column: Column) -> _Field:
    kind = column.type.element
    assert kind is not None
    name = f"{label(path)}[]"
    inside = tuple(
        _leaf((*path, each.name), f"{name}.{each.name}", each.type, each.required, column)
        for each in kind.fields
    )
    if kind.kind != "object":
        return _leaf(path, name, kind, False, column)
    return _Field(
        path=path,
        label=name,
        expected="object",
        required=False,
        is_open=column.is_open,
        inside=inside,
    )


def _leaf(path: tuple[str, ...], name: str, kind: Type, required: bool, column: Column) -> _Field:
    return _Field(
        path=path,
        label=name,
        expected=type_words(kind),
        required=required,
        is_open=column.is_open,
        cast=caster(kind, "json"),
    )


def _flat(fields: tuple[_Field, ...]) -> Iterator[_Field]:
    for field in fields:
        yield field
        if field.element is None:
            yield from _flat(field.inside)
