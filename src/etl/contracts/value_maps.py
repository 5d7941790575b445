"""`mapValues`, a column's custom property: what received texts stand for."""

from __future__ import annotations

from open_data_contract_standard.model import SchemaProperty

from etl.contracts.problems import Problems, did_you_mean
from etl.model import Type

_MAP_VALUES = "mapValues"


def read_value_map(
    definition: SchemaProperty, type_: Type, where: str, *, is_text: bool, problems: Problems
) -> dict[str, str | None]:
    """The column's `mapValues`, none by default.

    Args:
        is_text: Records hold text only, as in CSV, where an empty text is a missing value.
    """
    at, given = _find(definition, where, problems)
    if at is None:
        return {}
    meant = list(given.values()) if isinstance(given, dict) else []
    # What all of CSV is, text, may stand for a missing number, too.
    is_for_null = is_text and bool(meant) and all(each is None for each in meant)
    if definition.transformLogic is not None or not (type_.kind == "string" or is_for_null):
        problems.add(
            at,
            "mapValues is for received text",
            fix="use case when … end in a derived column; of CSV, any column may map to null",
        )
        return {}
    if not (given and isinstance(given, dict)) or not all(
        each is None or isinstance(each, str) for each in meant
    ):
        problems.add(
            at,
            "mapValues is no mapping of texts",
            fix="write value: {warning: WARN}; put numbers, true and false in quotes",
        )
        return {}
    if is_text and "" in given:
        problems.add(at, "an empty value of CSV is NULL", fix='leave "" out')
    for text in filter(None, meant):
        if len(text.encode()) > type_.max_bytes:
            problems.add(
                at,
                f'"{text}" does not fit {definition.physicalType}',
                fix="map to a shorter text, or make the column wider",
            )
    return dict(given)


def refuse_value_map(definition: SchemaProperty, where: str, problems: Problems) -> None:
    """Say that `mapValues` has no effect here, if it is given."""
    at, _ = _find(definition, where, problems)
    if at is not None:
        problems.add(at, "mapValues has no effect here", fix="set it on a column with text")


def _find(definition: SchemaProperty, where: str, problems: Problems) -> tuple[str | None, object]:
    for index, each in enumerate(definition.customProperties or []):
        at = f"{where}.customProperties[{index}]"
        name = each.property or ""
        if name == _MAP_VALUES:
            return f"{at}.value", each.value
        near = did_you_mean(name, [_MAP_VALUES])
        if near:
            problems.add(f"{at}.property", f'unknown "{name}"{near}', fix="mend the name")
    return None, None
