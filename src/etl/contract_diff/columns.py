"""What differs between the columns of two versions of a contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from etl.contract_diff.changes import Change, breaking, compatible
from etl.contracts.physical_types import spell_physical_type
from etl.model import Column, Contract, Type


def compare_columns(old: Contract, new: Contract) -> Iterator[Change]:
    """Columns that came, went, or are others; the last ones only by name."""
    before = {each.name: each for each in old.columns}
    after = {each.name: each for each in new.columns}
    renamed = dict(_renamed(before, after))
    for name, column in before.items():
        if name in after:
            yield from _one(column, after[name], new)
        elif name in renamed:
            why = "those who read it by its name find it no more"
            yield breaking(f"column {name}", f"renamed to {renamed[name]}", why)
            yield from _one(replace(column, name=renamed[name]), after[renamed[name]], new)
        else:
            yield breaking(f"column {name}", "removed", "those who read it find it no more")
    for name, column in after.items():
        if name not in before and name not in renamed.values():
            yield _added(column)
    yield from _order(old, new)


def _renamed(before: dict[str, Column], after: dict[str, Column]) -> Iterator[tuple[str, str]]:
    """Columns that went, with the one that reads the same field."""
    by_path = {each.path: each.name for each in after.values() if each.name not in before}
    for name, column in before.items():
        if name not in after and column.path and column.path in by_path:
            yield name, by_path[column.path]


def _added(column: Column) -> Change:
    what, detail = f"column {column.name}", f"added, {words(column.type)}"
    if column.required:
        why = "rows without it are refused, and no older row of the table has it"
        return breaking(what, f"{detail}, required", why)
    return compatible(what, detail)


def _one(old: Column, new: Column, contract: Contract) -> Iterator[Change]:
    what = f"column {new.name}"
    if old.type != new.type:
        yield _type_change(old, new, contract)
    if old.required != new.required:
        yield _required_change(what, new)
    if old.path != new.path and old.path and new.path:
        detail = f"received as {'.'.join(new.path)}, was {'.'.join(old.path)}"
        yield breaking(what, detail, "what is sent as before is not read")
    elif old.derive != new.derive:
        if old.derive is None or new.derive is None:
            detail = "received, was derived" if new.derive is None else "derived, was received"
        else:
            detail = "derived otherwise"
        yield breaking(what, detail, "its values mean something else")
    yield from _mapped(what, old, new)
    if old.description != new.description:
        yield compatible(what, "described otherwise")
    if old.classification != new.classification:
        detail = f"{old.classification or 'public'} → {new.classification or 'public'}"
        yield compatible(what, f"classified {detail}")


def _type_change(old: Column, new: Column, contract: Contract) -> Change:
    what, detail = f"column {new.name}", f"{words(old.type)} → {words(new.type)}"
    if not _is_wider(new.type, old.type):
        is_text = old.type.kind == new.type.kind == "string"
        why = "longer values are refused" if is_text else "a column's type cannot be changed"
        if old.type.format != new.type.format:
            why = "what is sent as before is not read"
        return breaking(what, detail, why)
    if contract.is_loaded and new.name in contract.primary_key:
        return breaking(what, detail, "Redshift grows no column that the primary key names")
    return compatible(what, detail)


def _is_wider(new: Type, old: Type) -> bool:
    """Whether only texts grew."""
    if new.kind == old.kind == "string":
        return new.max_bytes >= old.max_bytes
    if new.kind == old.kind == "array" and new.element and old.element:
        return new.element == old.element or _is_wider(new.element, old.element)
    if new.kind == old.kind == "object":
        pairs = list(zip(old.fields, new.fields))
        return len(old.fields) == len(new.fields) and all(
            (one.name, one.required) == (other.name, other.required)
            and (one.type == other.type or _is_wider(other.type, one.type))
            for one, other in pairs
        )
    return False


def _required_change(what: str, new: Column) -> Change:
    if new.required:
        return breaking(what, "required, was optional", "rows without it are refused")
    why = "readers meet NULL, and the table's column is NOT NULL"
    return breaking(what, "optional, was required", why)


def _mapped(what: str, old: Column, new: Column) -> Iterator[Change]:
    gone = [each for each in old.value_map if new.value_map.get(each) != old.value_map[each]]
    if gone:
        why = "received texts stand for something else"
        yield breaking(what, f"mapValues of {', '.join(gone)} changed", why)
    elif added := [each for each in new.value_map if each not in old.value_map]:
        yield compatible(what, f"mapValues of {', '.join(added)} added")


def _order(old: Contract, new: Contract) -> Iterator[Change]:
    before = [each.name for each in old.received_columns]
    after = [each.name for each in new.received_columns]
    if after[: len(before)] == before:
        return
    options = new.source.options
    if new.raw.format == "protobuf":
        why = "a field's number is its column's position"
        yield breaking("order of columns", "changed", why)
    elif options.get("header") is False or options.get("columns_by_position"):
        yield breaking("order of columns", "changed", "files are read by position")
    elif [each for each in before if each in after] != [each for each in after if each in before]:
        yield compatible("order of columns", "changed")


def words(type_: Type) -> str:
    """A type as a contract spells it, with what it holds."""
    if type_.format:
        return f"{words(replace(type_, format=''))} as {type_.format}"
    if type_.kind == "array":
        return f"array of {words(type_.element)}" if type_.element else "array"
    if type_.kind == "object":
        fields = ", ".join(f"{each.name} {words(each.type)}" for each in type_.fields)
        return f"({fields})"
    return spell_physical_type(type_)
