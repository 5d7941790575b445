"""A column as it is proposed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from etl.model import Encoding, Type
from etl.proposing.names import column_name
from etl.proposing.sample import Sample, SampleColumn
from etl.proposing.types import text_type
from etl.proposing.values import Chosen, choose_type, comparable

MISFIT_PERCENT = 10.0  # of a column's values may be rubbish
# Digits that count nothing: later ones may begin with a zero or hold a letter.
_CODES = re.compile(
    r"(^|_)(zip|zipcode|zip_code|postal|postcode|postal_code|plz|phone|telephone|tel|mobile|fax"
    r"|fips|ssn|iban|bic|ean|gtin|isbn|sku|vat|vat_id|tax_id|account_number|card_number)($|_)"
)
_IDENTIFIERS = re.compile(r"(^|_)(id|key|code|number|no|nr|sku|ref)$")
PARTITION = "ingest_date"


@dataclass(frozen=True, kw_only=True)
class ProposedColumn:
    """One column, and what is known of its values.

    Attributes:
        path: The names that lead to the value in a record.
        position: In the file, from 1.
        rules: Keys of the standard for the column, beside name and type.
    """

    name: str
    path: tuple[str, ...]
    position: int
    chosen: Chosen
    values: Sequence[Any]
    rules: dict[str, Any] = field(default_factory=dict)

    @property
    def type(self) -> Type:
        """The type that is proposed."""
        return self.chosen.type

    @cached_property
    def nulls(self) -> int:
        """How many records have no value."""
        return sum(each is None for each in self.values)

    @cached_property
    def distinct(self) -> set[Any]:
        """The different values; of arrays their text."""
        return {repr(v) if isinstance(v, list) else v for v in self.values if v is not None}

    @cached_property
    def bounds(self) -> tuple[Any, Any]:
        """The smallest and the largest value; None where values have no order."""
        found = [comparable(each, self.type) for each in self.distinct]
        known = [each for each in found if each is not None]
        return (min(known), max(known)) if known else (None, None)


def propose_columns(sample: Sample) -> tuple[list[ProposedColumn], list[str]]:
    """A column for each field of a sample that a contract can hold; and what is left out."""
    taken = {PARTITION}
    columns: list[ProposedColumn] = []
    left_out: list[str] = []
    for position, each in enumerate(sample.columns, start=1):
        name = column_name(each.path, position, taken)
        chosen = _choose(each, name, sample.encoding)
        if chosen.type.kind == "array" and chosen.type.element is None:
            left_out.append(f'"{".".join(each.path)}" is left out: its arrays are nested')
            continue
        taken.add(name)
        values = [None if v in chosen.null_words else v for v in each.values]
        columns.append(
            ProposedColumn(
                name=name,
                path=each.path,
                position=position,
                chosen=chosen,
                values=values if chosen.null_words else each.values,
            )
        )
    return columns, left_out


def _choose(column: SampleColumn, name: str, encoding: Encoding) -> Chosen:
    given = [each for each in column.values if each is not None]
    if given and encoding == "text" and _CODES.search(name):
        return Chosen(type=text_type(given))
    percent = 0 if _IDENTIFIERS.search(name) else MISFIT_PERCENT
    return choose_type(column.values, encoding, misfit_percent=percent)
