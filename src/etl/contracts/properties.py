"""From ODCS properties to the table's columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from open_data_contract_standard.model import SchemaObject, SchemaProperty

from etl.contracts.column_types import read_type
from etl.contracts.compile import compile_expression
from etl.contracts.names import name_fault, snake_case
from etl.contracts.problems import Problems
from etl.contracts.static_types import ExpressionError, is_assignable
from etl.contracts.value_maps import read_value_map, refuse_value_map
from etl.model import Column
from etl.tidying import normalise_name

_RUN_DATE = "run_date"
_RULES = ("enum", "logicalTypeOptions", "quality", "unique")


@dataclass(frozen=True)
class Property:
    """A property that is a column of its own, with its place in the file.

    Attributes:
        path: The names that lead to the value in a received record.
        classification: Its own, or that of the object around it, or of a field inside it.
    """

    definition: SchemaProperty
    where: str
    path: tuple[str, ...]
    classification: str = ""

    @property
    def column_name(self) -> str:
        """`physicalName`, or the path's names joined by _."""
        return self.definition.physicalName or "_".join(self.path)


def flatten_properties(table: SchemaObject, where: str, problems: Problems) -> list[Property]:
    """The table's properties, those of nested objects in their object's place."""
    found = list(_flatten(table.properties or [], f"{where}.properties", (), problems))
    if not found:
        problems.add(f"{where}.properties", "there are no columns", fix="list the columns")
    seen: dict[str, str] = {}
    for each in found:
        earlier = seen.setdefault(each.column_name, each.where)
        if earlier != each.where:
            problems.add(
                each.where,
                f'column "{each.column_name}" is defined before, by {earlier}',
                fix="give one of them another name or physicalName",
            )
    return found


def _flatten(
    properties: Sequence[SchemaProperty],
    where: str,
    path: tuple[str, ...],
    problems: Problems,
    classification: str = "",
) -> Iterator[Property]:
    for index, definition in enumerate(properties):
        at = f"{where}[{index}]"
        inner = (*path, definition.name or "")
        classified = _classification(definition) or classification
        if definition.semanticType == "measure":
            problems.add(
                f"{at}.semanticType", "a measure is no column", fix="leave the property out"
            )
        if definition.logicalType != "object":
            yield Property(definition, at, inner, classified)
            continue
        for name, given in (
            ("required", definition.required),
            ("primaryKey", definition.primaryKey),
        ):
            if given:
                problems.add(
                    f"{at}.{name}",
                    f'object "{definition.name}" is no column, its properties are',
                    fix=f"set {name} on them",
                )
        refuse_value_map(definition, at, problems)
        if not definition.properties:
            problems.add(f"{at}.properties", "the object is empty", fix="list its properties")
        yield from _flatten(
            definition.properties or [], f"{at}.properties", inner, problems, classified
        )


def _classification(definition: SchemaProperty) -> str:
    """A property's own; of an array, else the first of its items' that is not public."""
    if definition.classification or definition.items is None:
        return definition.classification or ""
    inside = [definition.items, *(definition.items.properties or [])]
    found = [each.classification for each in inside if each.classification]
    return next((each for each in found if each.lower() != "public"), "")


def find_partition(found: Sequence[Property], where: str, problems: Problems) -> Property | None:
    """The one property that is the run date, by which the data is partitioned."""
    partitions = [each for each in found if each.definition.partitioned]
    if len(partitions) != 1:
        problems.add(
            f"{where}.properties",
            f"{len(partitions) or 'no'} properties are partitioned, the run date alone should be",
            fix="add a property ingest_date: logicalType date, physicalType DATE, partitioned "
            "true, transformLogic run_date",
        )
        return None
    (partition,) = partitions
    definition = partition.definition
    if (definition.physicalType or "").upper() != "DATE" or definition.transformLogic != _RUN_DATE:
        problems.add(
            partition.where,
            f'the partition "{partition.column_name}" is not the run date',
            fix="write physicalType: DATE and transformLogic: run_date",
        )
    for key in ("primaryKey", *_RULES):
        if getattr(definition, key):
            problems.add(
                f"{partition.where}.{key}",
                f'"{partition.column_name}" is no column of the records',
                fix="leave it out",
            )
    _check_name(partition, problems)
    return partition


def read_columns(
    found: Sequence[Property], *, key: Sequence[str], is_text: bool, problems: Problems
) -> tuple[Column, ...]:
    """The columns, those with `transformLogic` compiled.

    Args:
        key: The primary key's columns; they are required whatever the property says.
        is_text: Records are flat and hold text only, as in CSV.
    """
    columns: list[Column] = []
    for each in found:
        _check_name(each, problems)
        type_ = read_type(each.definition, each.where, problems)
        if type_ is None:
            problems.unreadable.add(each.column_name)
            continue
        if is_text and (len(each.path) > 1 or type_.kind == "array"):
            problems.add(
                each.where, "CSV has no objects or arrays", fix="read the records as JSON lines"
            )
        is_derived = each.definition.transformLogic is not None
        columns.append(
            Column(
                name=each.column_name,
                type=type_,
                path=() if is_derived else each.path,
                required=bool(each.definition.required) or each.column_name in key,
                value_map=read_value_map(
                    each.definition, type_, each.where, is_text=is_text, problems=problems
                ),
                classification=each.classification,
                description=(each.definition.description or "").strip(),
            )
        )
    return _compile_derived(columns, found, problems)


def _compile_derived(
    columns: Sequence[Column], found: Sequence[Property], problems: Problems
) -> tuple[Column, ...]:
    by_name = {each.column_name: each for each in found}
    visible = {each.name: each.type for each in columns if each.path}
    compiled: list[Column] = []
    for column in columns:
        source = by_name[column.name]
        text = source.definition.transformLogic
        if text is None:
            compiled.append(column)
            continue
        where = f"{source.where}.transformLogic"
        try:
            derive = compile_expression(text, visible)
        except ExpressionError as error:
            problems.add_refusal(where, error)
            problems.unreadable.add(column.name)
            continue
        if not is_assignable(derive.type, column.type):
            problems.add(
                where,
                f'"{text}" is {derive.type}, the column is {source.definition.physicalType}',
                fix="change the expression or the column's type",
            )
        compiled.append(replace(column, derive=derive.expression))
        visible[column.name] = column.type
    return tuple(compiled)


def check_normal_names(found: Sequence[Property], problems: Problems) -> None:
    """With `normaliseNames` a field is found under its normalised name only."""
    for each in found:
        if each.definition.transformLogic is not None:
            continue
        fields = each.definition.items and each.definition.items.properties or []
        named = [(name, f"{each.where}.name") for name in each.path]
        named += [
            (field.name or "", f"{each.where}.items.properties[{index}].name")
            for index, field in enumerate(fields)
        ]
        for name, where in named:
            if name != normalise_name(name):
                problems.add(
                    where,
                    f'"{name}" is never found, since normaliseNames makes other names of all',
                    fix=f"write name: {normalise_name(name)}",
                )


def _check_name(found: Property, problems: Problems) -> None:
    if not all(found.path):
        problems.add(f"{found.where}.name", "is missing", fix="add name:")
        return
    fault = name_fault(found.column_name)
    if fault:
        wanted = snake_case(found.column_name)
        usable = wanted if not name_fault(wanted) else f"{wanted}_value"
        problems.add(
            found.where,
            fault,
            fix=f"add physicalName: {usable} (name stays as the records have it)",
        )
