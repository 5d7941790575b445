"""Names and values written into SQL text.

The Data API's batches take no parameters, so every value stands in the text itself. Both functions
refuse what they cannot write beyond doubt.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,126}")
# Redshift reads a backslash in a literal as an escape, standard SQL does not: take none.
_UNSAFE = re.compile(r"[\\\x00-\x1f\x7f\ud800-\udfff]")


def identifier(*names: str) -> str:
    """A quoted name, e.g. identifier("sales", "orders") is "sales"."orders".

    Raises:
        ValueError: A part is not a lower-case SQL name of at most 127 characters.
    """
    for name in names:
        if not _IDENTIFIER.fullmatch(name):
            raise ValueError(f"not a lower-case SQL name of at most 127 characters: {name!r}")
    return ".".join(f'"{name}"' for name in names)


def literal(value: str | int | date | datetime) -> str:
    """A value as a SQL literal; a datetime must know its zone.

    Raises:
        ValueError: Text with a backslash, a control character or half a surrogate pair, or a
            datetime without a zone.
    """
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"a datetime without a zone: {value!r}")
        return f"CAST('{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00' AS TIMESTAMPTZ)"
    if isinstance(value, date):
        return f"CAST('{value.isoformat()}' AS DATE)"
    if isinstance(value, int):
        return str(int(value))
    if found := _UNSAFE.search(value):
        raise ValueError(f"text with the character {found[0]!r} cannot be a SQL literal")
    return "'" + value.replace("'", "''") + "'"
