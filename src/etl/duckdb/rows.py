"""Raw lines into judged rows, as DuckDB's SQL: the fast path, and which lines it is sure of.

DuckDB's JSON reader takes a little more than JSON is, rounds numbers to doubles, and of a name that
stands twice it takes the first value. Lines in which that could show are left to the judge.
"""

from __future__ import annotations

from datetime import date
from enum import IntEnum

from etl.duckdb.spelling import EXACT_DIGITS
from etl.duckdb.sql import LINE, identifier, is_plain, quote
from etl.duckdb.types import duckdb_type
from etl.duckdb.values import computed_value, expression_conditions, is_wanted, read_value
from etl.judge import INVALID_UTF8_KEY, MALFORMED_KEY, MAX_DEPTH
from etl.model import Contract

CHUNK = '"$chunk"'  # of lines: "$line" and "$object", the number of the object that it is of
JUDGED = '"$judged"'

_WRAPPERS = (INVALID_UTF8_KEY, MALFORMED_KEY)


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
    prefixes = sorted({each.path[:depth] for each in received for depth in range(len(each.path))})
    wrappers, outer = [(each,) for each in _WRAPPERS], [each for each in prefixes if each]
    wanted = list(dict.fromkeys([*(each.path for each in received), *wrappers, *outer]))
    raw = {path: identifier(f"$raw{number}") for number, path in enumerate(wanted, 1)}
    paths, inner = (", ".join(quote(_path(p)) for p in some) for some in (wanted, prefixes))
    read = (
        f'SELECT {LINE}, "$object", "$json" IS NOT NULL AND NOT {_is_odd(contract)} AS "$sound",'
        f' json_keys("$json", [{inner}]) AS "$keys",'
        f' CAST(json_extract("$json", [{paths}]) AS VARCHAR[]) AS "$raw"'
        f' FROM (SELECT *, CASE WHEN json_valid({LINE}) THEN {LINE} END AS "$json" FROM {CHUNK})'
    )
    raws = ", ".join(
        f"nullif(\"$raw\"[{number}], 'null') AS {name}"
        for number, name in enumerate(raw.values(), 1)
    )
    once = " AND ".join(
        _each_once(number, [place for place, path in enumerate(wanted, 1) if path[:-1] == prefix])
        for number, prefix in enumerate(prefixes, 1)
    )
    split = f'SELECT {LINE}, "$object", "$sound", ({once}) AS "$once", {raws} FROM ({read})'
    values = [read_value(column, contract, raw[column.path]) for column in received]
    typed = ", ".join(
        f"{value.typed} AS {identifier(column.name)}"
        for column, value in zip(received, values, strict=True)
    )
    wrapped = [f"{raw[each]} IS NULL" for each in wrappers]
    objects = [f"coalesce(starts_with({raw[each]}, '{{'), true)" for each in outer]
    conditions = ['"$sound"', '"$once"', *wrapped, *objects, *(each.sure for each in values)]
    sure = " AND ".join(conditions)
    known = f'SELECT {LINE}, "$object", {typed}, coalesce({sure}, false) AS "$sure" FROM ({split})'
    return insert_judged(contract, run_date, known)


def insert_judged(contract: Contract, run_date: date, known: str) -> str:
    """SQL that puts read lines into the table of judged rows.

    Args:
        known: SQL of the lines: "$line", "$object", the received columns and "$sure".
    """
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
    judged = f'SELECT {LINE}, "$object", {state} AS "$state", {names} FROM ({known})'
    return f"INSERT INTO {JUDGED} {judged}"


def _path(path: tuple[str, ...]) -> str:
    if not all(map(is_plain, path)):
        raise NotForSql
    return "$" + "".join(f'."{each}"' for each in path)


def _each_once(number: int, places: list[int]) -> str:
    """SQL of whether no name stands twice in an object.

    Args:
        number: Of the object's names in "$keys".
        places: Of the values in "$raw" that are right inside of it.
    """
    names = f'"$keys"[{number}]'
    # As many names as wanted values that are there: nothing else is, which is quick to see.
    there = " + ".join(f'CAST("$raw"[{place}] IS NOT NULL AS INTEGER)' for place in places)
    unique = f"len({names}) = list_unique({names})"
    return f"coalesce(CASE WHEN len({names}) = {there} THEN true ELSE {unique} END, true)"


def _is_odd(contract: Contract) -> str:
    """SQL: whether the line holds what DuckDB's reader takes, and JSON or the judge does not."""
    odd = [r",\s*[}\]]", r"[:,\[]\s*-?(?:[nN][aA]|[iI])"]
    if contract.source.encoding == "json":
        number = "|".join(
            [f"[0-9]{{{n}}}\\.[0-9]{{{EXACT_DIGITS + 1 - n}}}" for n in range(1, EXACT_DIGITS + 1)]
        )
        tiny = "[0-9.]+[eE]-[0-9]{3,}"  # which doubles may have no number for
        odd.append(rf"[:,\[]\s*-?(?:[0-9]{{{EXACT_DIGITS + 1},}}[.eE]|{number}|{tiny})")
    found = f"regexp_matches({LINE}, {quote('|'.join(odd))})"
    brackets = f"replace(replace({LINE}, '[', ''), '{{', '')"
    deep = f"strlen({LINE}) - strlen({brackets}) > {MAX_DEPTH}"
    return f"({found} OR (strlen({LINE}) > {MAX_DEPTH} AND {deep}))"
