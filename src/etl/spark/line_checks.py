"""What the fast path asks of a line as text, since Spark's JSON reader hides it: as Spark SQL.

Spark reads a number as text where a string is wanted, and the other way round for decimals, which
it rounds besides. The line itself tells them apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from etl.model import Contract, Type
from etl.spark.sql import LINE, quote, rlike
from etl.spark.types import read_precision

_ESCAPE = "\\"
# Escapes of ASCII and control characters (which could spell a key in another way, or NUL) and of
# surrogates (which could be half a pair).
_ODD_ESCAPES = r"\\u(?:00[0-7]|[dD][89a-fA-F])"
_NOT_A_STRING = r'"\s*:\s*[^"\s]'
# A key that has just one spelling in JSON, odd escapes aside.
_PROVABLE_NAME = re.compile(r"[A-Za-z0-9_ .:$@-]+")


def odd_line(contract: Contract) -> str:
    """SQL: whether Spark's JSON reader must not even see the line.

    Each pattern stands alone and begins with a literal where it can: Java then searches for that
    first, some ten times faster than for alternatives.
    """
    conditions = [f"(contains({LINE}, {quote(_ESCAPE)}) AND {rlike(LINE, _ODD_ESCAPES)})"]
    if contract.source.encoding == "text":
        conditions.append(rlike(LINE, _NOT_A_STRING))
    else:
        conditions += [
            rlike(LINE, _unplain_decimal(key, digits))
            for key, digits in sorted(_read_digits(contract).items())
        ]
    return " OR ".join(conditions)


def _read_digits(contract: Contract) -> dict[str, int]:
    """Keys that decimals stand under, with the digits after the point that are read exactly."""
    digits: dict[str, int] = {}
    for key, kind in _leaves(contract):
        if kind.kind == "decimal" and is_provable(key):
            _, scale = read_precision(kind)
            digits[key] = min(scale, digits.get(key, scale))
    return digits


def _leaves(contract: Contract) -> Iterator[tuple[str, Type]]:
    """The last key before each scalar of a record, and the scalar's type."""
    for column in contract.received_columns:
        kind = column.type.element or column.type
        if kind.kind != "object":
            yield column.path[-1], kind
        yield from ((field.name, field.type) for field in kind.fields)


def _unplain_decimal(key: str, digits: int) -> str:
    """A pattern for a decimal that Spark would round, or read where the contract refuses it."""
    fraction = rf"(?:\.[0-9]{{1,{digits}}})?" if digits else ""
    plain = f"-?[0-9]+{fraction}"
    # Possessive: giving back a space would make the look-ahead fail on plain decimals.
    return rf'"{re.escape(key)}"\s*+:\s*+(?!(?:{plain}|"{plain}"|null)\s*+[,}}])'


def is_text(key: str) -> str:
    """Whether every value that the line has under the key, at any depth, is a string."""
    if not is_provable(key):
        return "false"
    pattern = '"' + re.escape(key) + _NOT_A_STRING
    return f"NOT {rlike(LINE, pattern)}"


def is_provable(key: str) -> bool:
    """Whether the line can be asked about what stands under the key."""
    return _PROVABLE_NAME.fullmatch(key) is not None
