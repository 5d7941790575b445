"""What differs between two versions of a contract."""

from __future__ import annotations

from collections.abc import Iterator

from etl.contract_diff.changes import Change, breaking, compatible
from etl.contract_diff.columns import compare_columns
from etl.contract_diff.rules import compare_checks, compare_rules
from etl.model import Contract

_READERS = "those who read it find it no more"
_ROWS = "the same records give other rows"
_STOPPED = "runs that were good are stopped"
_LAYERS = ("raw", "processed", "quarantine")


def compare(old: Contract, new: Contract) -> list[Change]:
    """The changes, breaking ones first."""
    found = [
        *compare_columns(old, new),
        *_identity(old, new),
        *_rows(old, new),
        *_drift(old, new),
        *compare_rules(old, new),
        *compare_checks(old, new),
        *_source(old, new),
        *_raw(old, new),
        *_places(old, new),
        *_words(old, new),
    ]
    return sorted(found, key=lambda each: each.label)


def _identity(old: Contract, new: Contract) -> Iterator[Change]:
    if old.primary_key != new.primary_key:
        detail = f"{', '.join(old.primary_key)} → {', '.join(new.primary_key)}"
        yield breaking("primary key", detail, "a table that was loaded by another key is refused")
    if old.load_mode != new.load_mode:
        why = "a table that was loaded in another mode is refused"
        yield breaking("loadMode", f"{old.load_mode} → {new.load_mode}", why)
    if old.partition != new.partition:
        why = "partitions that exist have the other name"
        yield breaking("partition", f"{old.partition} → {new.partition}", why)
    if old.partition_columns != new.partition_columns:
        detail = f"{_list(old.partition_columns)} → {_list(new.partition_columns)}"
        yield breaking("partitionColumns", detail, "folders that exist are named otherwise")


def _rows(old: Contract, new: Contract) -> Iterator[Change]:
    if old.latest_by != new.latest_by:
        detail = f"{old.latest_by or 'none'} → {new.latest_by or 'none'}"
        yield breaking("latestBy", detail, "of rows with the same key another one stays")
    if old.filter != new.filter:
        yield breaking("filter", _came_or_went(old.filter, new.filter), _ROWS)
    for what, before, after in (
        ("normaliseNames", old.normalise_names, new.normalise_names),
        ("dropEmpty", old.drop_empty, new.drop_empty),
        ("detectDeletes", old.detect_deletes, new.detect_deletes),
    ):
        if before != after:
            yield breaking(what, f"{_yes(before)} → {_yes(after)}", _ROWS)


def _drift(old: Contract, new: Contract) -> Iterator[Change]:
    before, after = old.unknown_fields, new.unknown_fields
    if before != after:
        detail = f"{before} → {after}"
        if after == "stop":
            yield breaking("unknownFields", detail, _STOPPED)
        else:  # the column that comes or goes is told by itself
            yield compatible("unknownFields", detail)
    limit, other = old.drift_limit_percent, new.drift_limit_percent
    if limit != other:
        detail = f"{limit:g} → {other:g}"
        yield (
            breaking("driftLimitPercent", detail, _STOPPED)
            if other < limit
            else compatible("driftLimitPercent", detail)
        )


def _source(old: Contract, new: Contract) -> Iterator[Change]:
    before, after = old.source, new.source
    if (before.kind, before.format) != (after.kind, after.format):
        detail = f"{before.kind}, {before.format} → {after.kind}, {after.format}"
        yield breaking("source", detail, "what is sent as before is not read")
    if before.location != after.location:
        yield compatible("source location", f"{before.location} → {after.location}")
    if before.name != after.name:
        yield compatible("sourceSystem", f"{before.name} → {after.name}")
    for name in sorted(before.options.keys() | after.options.keys()):
        one, other = before.options.get(name), after.options.get(name)
        if one != other:
            yield compatible(f"source option {name}", f"{_value(one)} → {_value(other)}")


def _raw(old: Contract, new: Contract) -> Iterator[Change]:
    before, after = old.raw, new.raw
    for what, one, other in (
        ("raw format", before.format, after.format),
        ("raw partitioning", before.strategy, after.strategy),
        ("raw partitionColumn", before.column, after.column),
    ):
        if one != other:
            yield breaking(what, f"{_value(one)} → {_value(other)}", "raw objects lie otherwise")
    if before.compression != after.compression:
        yield compatible("raw compression", f"{before.compression} → {after.compression}")
    if before.per_source_object != after.per_source_object:
        detail = f"{_yes(before.per_source_object)} → {_yes(after.per_source_object)}"
        yield compatible("raw perSourceObject", detail)


def _places(old: Contract, new: Contract) -> Iterator[Change]:
    before, after = old.places, new.places
    for layer in _LAYERS:
        yield from _place(layer, getattr(before, layer), getattr(after, layer))
    yield from _place("warehouse table", _table(old), _table(new))
    catalog = [
        f"{each.catalog_database}.{each.catalog_table}".strip(".") for each in (before, after)
    ]
    yield from _place("catalogue table", *catalog)


def _place(what: str, before: str, after: str) -> Iterator[Change]:
    if before and before != after:
        yield breaking(what, f"{before} → {after or 'none'}", _READERS)
    elif before != after:
        yield compatible(what, f"added, {after}")


def _table(contract: Contract) -> str:
    return f"{contract.places.schema}.{contract.places.table}".strip(".")


def _words(old: Contract, new: Contract) -> Iterator[Change]:
    if old.description != new.description:
        yield compatible("description", "changed")
    if old.domain != new.domain:
        detail = f"{old.domain} → {new.domain}"
        if "protobuf" in (old.raw.format, new.raw.format):
            yield breaking("domain", detail, "it is the package of the protobuf messages")
        else:
            yield compatible("domain", detail)


def _came_or_went(before: object, after: object) -> str:
    if before is None:
        return "added"
    return "removed" if after is None else "changed"


def _yes(value: bool) -> str:
    return "true" if value else "false"


def _value(value: object) -> str:
    return "none" if value is None else str(value)


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"
