"""Raw lines into judged rows, as DuckDB's SQL: the fast path, and which lines it is sure of.

DuckDB's JSON reader takes a little more than JSON is, rounds numbers to doubles, and of a name that
stands twice it takes the first value. Lines in which that could show are left to the judge.
"""

from __future__ import annotations

from datetime import date
from enum import IntEnum

from etl.duckdb.sql import LINE, identifier, is_plain, quote
from etl.duckdb.types import duckdb_type
from etl.duckdb.values import computed_value, expression_conditions, is_wanted, read_value
from etl.judge import INVALID_UTF8_KEY, MALFORMED_KEY, MAX_DEPTH
from etl.model import Contract

CHUNK = '"$chunk"'  # of lines: "$line" and "$object", the number of the object that it is of
JUDGED = '"$judged"'

_WRAPPERS = (INVALID_UTF8_KEY, MALFORMED_KEY)
_EXACT_DIGITS = 15  # of a decimal number that every double gives back


class State(IntEnum):
    """What "$state" says of a line."""

    GOOD = 0
    FILTERED = 1
    UNSURE = 2


class NotForSql(Exception):
    """The contract asks what no query of DuckDB can be sure of."""


def create_table(contract: Contract) -> str:
    """SQL of the table of judged rows. "$state" is a `State`.

    Its columns are "$line", "$object", "$state" and the contract's data columns.
    """
    columns = [
        f"{identifier(each.name)} {duckdb_type(each.type)}" for each in contract.data_columns
    ]
    ours = [f"{LINE} VARCHAR", '"$object" INTEGER', '"$state" TINYINT']
    return f"CREATE TABLE {JUDGED} ({', '.join(ours + columns)})"


def judge_lines(contract: Contract, run_date: date) -> str:
    """SQL that puts lines into the table of judged rows.

    Raises:
        NotForSql: Every line has to be judged in Python.
    """
    if contract.normalise_names or contract.unknown_fields != "ignore":
        raise NotForSql  # names are taken as they are, and no others are seen
    received = contract.received_columns
    paths = [_path(each.path) for each in received] + [_path((each,)) for each in _WRAPPERS]
    prefixes = sorted({each.path[:depth] for each in received for depth in range(len(each.path))})
    inner = ", ".join(quote(_path(each)) for each in prefixes)
    read = (
        f'SELECT {LINE}, "$object", "$json" IS NOT NULL AND NOT {_is_odd(contract)} AS "$sound",'
        f' json_keys("$json", [{inner}]) AS "$keys",'
        f' CAST(json_extract("$json", [{", ".join(map(quote, paths))}]) AS VARCHAR[]) AS "$raw",'
        f" {_shapes(prefixes)}"
        f' FROM (SELECT *, CASE WHEN json_valid({LINE}) THEN {LINE} END AS "$json" FROM {CHUNK})'
    )
    raws = ", ".join(
        f"nullif(\"$raw\"[{number}], 'null') AS {identifier(f'$raw{number}')}"
        for number, _ in enumerate(paths, 1)
    )
    split = f'SELECT {LINE}, "$object", "$sound", "$keys", "$shapes", {raws} FROM ({read})'
    values = [
        read_value(column, contract, identifier(f"$raw{number}"))
        for number, column in enumerate(received, 1)
    ]
    typed = ", ".join(
        f"{value.typed} AS {identifier(column.name)}"
        for column, value in zip(received, values, strict=True)
    )
    wrapped = [
        f"{identifier(f'$raw{len(received) + number}')} IS NULL"
        for number, _ in enumerate(_WRAPPERS, 1)
    ]
    once = [
        f'coalesce(len("$keys"[{number}]) = list_unique("$keys"[{number}]), true)'
        for number, _ in enumerate(prefixes, 1)
    ]
    sure = " AND ".join(['"$sound"', *wrapped, '"$shapes"', *once, *(each.sure for each in values)])
    known = f'SELECT {LINE}, "$object", {typed}, coalesce({sure}, false) AS "$sure" FROM ({split})'
    return f"INSERT INTO {JUDGED} {_with_state(contract, run_date, known)}"


def _with_state(contract: Contract, run_date: date, known: str) -> str:
    sure = ['"$sure"']
    for column in contract.columns:
        if column.derive is not None:
            value = computed_value(column, contract, run_date)
            known = f"SELECT *, {value.typed} AS {identifier(column.name)} FROM ({known})"
            sure.append(value.sure)
    sure += expression_conditions(contract, run_date)
    state = (
        f"CASE WHEN NOT coalesce({' AND '.join(sure)}, false) THEN {State.UNSURE:d}"
        f" WHEN {is_wanted(contract, run_date)} THEN {State.GOOD:d} ELSE {State.FILTERED:d} END"
    )
    names = ", ".join(identifier(each.name) for each in contract.data_columns)
    return f'SELECT {LINE}, "$object", {state} AS "$state", {names} FROM ({known})'


def _path(path: tuple[str, ...]) -> str:
    if not all(map(is_plain, path)):
        raise NotForSql
    return "$" + "".join(f'."{each}"' for each in path)


def _shapes(prefixes: list[tuple[str, ...]]) -> str:
    """SQL of whether what columns are inside of is an object, or is not there."""
    inner = [each for each in prefixes if each]
    if not inner:
        return 'true AS "$shapes"'
    paths = ", ".join(quote(_path(each)) for each in inner)
    types = f'json_type("$json", [{paths}])'
    return (
        f"coalesce(list_bool_and(list_transform({types},"
        " lambda t: t IS NULL OR t IN ('OBJECT', 'NULL'))), true) AS \"$shapes\""
    )


def _is_odd(contract: Contract) -> str:
    """SQL: whether the line holds what DuckDB's reader takes, and JSON or the judge does not."""
    odd = [r",\s*[}\]]", r"[:,\[]\s*-?(?:[nN][aA]|[iI])"]
    if contract.source.encoding == "json":
        number = "|".join(
            [
                f"[0-9]{{{n}}}\\.[0-9]{{{_EXACT_DIGITS + 1 - n}}}"
                for n in range(1, _EXACT_DIGITS + 1)
            ]
        )
        tiny = "[0-9.]+[eE]-[0-9]{3,}"  # which doubles may have no number for
        odd.append(rf"[:,\[]\s*-?(?:[0-9]{{{_EXACT_DIGITS + 1},}}[.eE]|{number}|{tiny})")
    found = f"regexp_matches({LINE}, {quote('|'.join(odd))})"
    brackets = f"replace(replace({LINE}, '[', ''), '{{', '')"
    deep = f"strlen({LINE}) - strlen({brackets}) > {MAX_DEPTH}"
    return f"({found} OR (strlen({LINE}) > {MAX_DEPTH} AND {deep}))"
