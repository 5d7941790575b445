"""Named parameters for Athena, which itself knows only `?` and a list of literals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timezone
from decimal import Decimal

Value = str | int | float | bool | Decimal | date | datetime | None

MAX_LITERAL_LENGTH = 1024  # Athena API reference, StartQueryExecution: ExecutionParameters

_TOKENS = re.compile(
    r"""
      (?P<kept>'(?:[^']|'')*' | "(?:[^"]|"")*" | `(?:[^`]|``)*`)
    | (?P<comment>--[^\n]* | /\*.*?\*/)
    | (?<![\w:]):(?P<name>[A-Za-z_]\w*)
    | (?P<question>\?)
    """,
    re.VERBOSE | re.DOTALL,
)


def bind(sql: str, values: Mapping[str, Value]) -> tuple[str, list[str]]:
    """Turn `:name` into `?` and the values into Athena's ExecutionParameters.

    Quoted text is left as it is. Comments are dropped: Athena's DDL does not take them everywhere.
    Parameters may stand in the WHERE clauses of SELECT, INSERT INTO, CTAS and UNLOAD (Athena user
    guide, "Use parameterized queries").

    Raises:
        ValueError: Parameters and values do not match, or the text has a `?` of its own.
    """
    parameters: list[str] = []
    used: set[str] = set()

    def replace(token: re.Match[str]) -> str:
        if token["kept"]:
            return token["kept"]
        if token["comment"]:
            return " "
        if token["question"]:
            raise ValueError("the query has a ? of its own: name its parameters, as in :run_date")
        name = token["name"]
        if name not in values:
            raise ValueError(f"no value for the parameter :{name}")
        used.add(name)
        parameters.append(literal(values[name]))
        return "?"

    text = _TOKENS.sub(replace, sql).strip()
    if unknown := sorted(set(values) - used):
        raise ValueError(f"the query has no parameter {', '.join(f':{name}' for name in unknown)}")
    return text, parameters


def literal(value: Value) -> str:
    """The value as an SQL literal, as Athena wants each execution parameter.

    Raises:
        ValueError: It is longer than Athena takes.
    """
    text = _literal(value)
    if len(text) > MAX_LITERAL_LENGTH:
        raise ValueError(f"a parameter may have {MAX_LITERAL_LENGTH} characters, got {len(text)}")
    return text


def _literal(value: Value) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return f"DOUBLE '{value!r}'"
        case Decimal():
            return f"DECIMAL '{value:f}'"
        case datetime():
            moment = value.astimezone(timezone.utc) if value.tzinfo else value
            return f"TIMESTAMP '{moment.replace(tzinfo=None).isoformat(' ', 'microseconds')}'"
        case date():
            return f"DATE '{value.isoformat()}'"
    return "'" + value.replace("'", "''") + "'"
