"""Columns' names from what files call them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from etl.contracts.names import name_fault
from etl.tidying import normalise_name

# What taking off the accents would not spell.
_SPELT = {
    **{"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"},
    **{"æ": "ae", "Æ": "Ae", "ø": "o", "Ø": "O", "å": "a", "Å": "A", "ł": "l", "Ł": "L"},
    **{"đ": "d", "Đ": "D", "þ": "th", "%": " percent ", "&": " and ", "№": " number "},
    **{"€": " eur ", "$": " usd ", "£": " gbp ", "#": " number "},
}
_LONGEST = 63


def column_name(path: Collection[str], position: int, taken: Collection[str]) -> str:
    """A name that every place takes, e.g. strasse_nr for `Straße Nr.`, order_value for `order`.

    Args:
        path: The names that lead to the value.
        position: Of the column, from 1; names it where nothing else can.
        taken: Names that other columns have.
    """
    text = unicodedata.normalize("NFC", "_".join(path))
    spelt = "".join(_SPELT.get(each, each) for each in text)
    plain = unicodedata.normalize("NFKD", spelt).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", normalise_name(plain)).strip("_")[:_LONGEST].strip("_")
    if not name:
        name = f"column_{position}"
    elif name[0].isdigit():
        name = f"column_{name}"
    if name_fault(name):
        name = f"{name}_value"
    unique, count = name, 1
    while unique in taken:
        count += 1
        unique = f"{name}_{count}"
    return unique
