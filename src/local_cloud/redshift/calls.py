"""Functions and words that only Redshift has, in PostgreSQL's terms."""

from __future__ import annotations

import re
from collections.abc import Callable

from local_cloud.redshift.errors import UNDEFINED_FUNCTION, SqlError, not_embedded, syntax_error
from local_cloud.redshift.lexer import (
    Token,
    Tokens,
    closing,
    next_place,
    significant,
    split,
    sql,
    text_of,
)

# PostgreSQL has them, Redshift does not.
ABSENT = frozenset(
    "array_agg array_to_json array_to_string string_to_array string_agg gen_random_uuid json_agg"
    " json_build_array json_build_object json_object_agg json_populate_record jsonb_agg"
    " jsonb_array_elements jsonb_array_elements_text jsonb_build_array jsonb_build_object"
    " jsonb_each jsonb_extract_path jsonb_extract_path_text jsonb_object_agg jsonb_path_query"
    " jsonb_set jsonb_typeof json_array_elements json_each row_to_json to_json to_jsonb unnest"
    " regexp_match regexp_matches regexp_split_to_array regexp_split_to_table make_date"
    " make_interval make_timestamp format num_nulls clock_timestamp".split()
)
# Redshift has them, nothing here does the same.
_NOT_EMBEDDED = frozenset("hll hll_cardinality approximate_percentile st_point".split())
_DATE_PARTS = {
    "dayofweek": "dow",
    "dow": "dow",
    "dw": "dow",
    "weekday": "dow",
    "dayofyear": "doy",
    "doy": "doy",
    "dy": "doy",
    "yearday": "doy",
}

Arguments = list[list[Token]]


def _joined(arguments: Arguments) -> str:
    return ", ".join(text_of(argument).strip() for argument in arguments)


def _call(name: str) -> Callable[[Arguments], str]:
    return lambda arguments: f"{name}({_joined(arguments)})"


def _decode(arguments: Arguments) -> str:
    """DECODE(expression, search, result, …, default): NULL finds NULL."""
    value, *rest = (text_of(argument).strip() for argument in arguments)
    pairs = list(zip(rest[::2], rest[1::2], strict=False))
    branches = "".join(
        f" WHEN {value} IS NOT DISTINCT FROM {search} THEN {result}" for search, result in pairs
    )
    default = f" ELSE {rest[-1]}" if len(rest) % 2 else ""
    return f"CASE{branches}{default} END"


def _nvl2(arguments: Arguments) -> str:
    value, present, absent = (text_of(argument).strip() for argument in arguments)
    return f"CASE WHEN {value} IS NOT NULL THEN {present} ELSE {absent} END"


def _convert(arguments: Arguments) -> str:
    """CONVERT(type, expression)."""
    return f"CAST({text_of(arguments[1]).strip()} AS {text_of(arguments[0]).strip()})"


def _with_date_part(name: str) -> Callable[[Arguments], str]:
    """A call whose first argument is a date part, with or without quotes."""

    def rewrite(arguments: Arguments) -> str:
        part, *rest = arguments
        word = significant(part)
        quoted = text_of(part).strip()
        if len(word) == 1 and word[0].kind == "word":
            quoted = f"'{_DATE_PARTS.get(word[0].word, word[0].word)}'"
        values = [_as_timestamp(argument) for argument in rest]
        return f"{name}({', '.join([quoted, *values])})"

    return rewrite


def _as_timestamp(argument: list[Token]) -> str:
    """A literal date as TIMESTAMP: PostgreSQL would take it for a TIMESTAMPTZ."""
    tokens = significant(argument)
    text = text_of(argument).strip()
    return f"{text}::timestamp" if len(tokens) == 1 and tokens[0].kind == "string" else text


def _json_extract_path_text(arguments: Arguments) -> str:
    last = text_of(arguments[-1]).strip().lower()
    if last in ("true", "false"):
        name = "redshift_json_path_or_null" if last == "true" else "json_extract_path_text"
        return f"pg_catalog.{name}({_joined(arguments[:-1])})"
    return f"pg_catalog.json_extract_path_text({_joined(arguments)})"


_REWRITES: dict[str, Callable[[Arguments], str]] = {
    "nvl": _call("COALESCE"),
    "nvl2": _nvl2,
    "decode": _decode,
    "convert": _convert,
    "dateadd": _with_date_part("pg_catalog.dateadd"),
    "date_add": _with_date_part("pg_catalog.dateadd"),
    "datediff": _with_date_part("pg_catalog.datediff"),
    "date_diff": _with_date_part("pg_catalog.datediff"),
    "date_part": _with_date_part("pg_catalog.date_part"),
    "json_serialize": _call("pg_catalog.json_serialize"),
    "json_extract_path_text": _json_extract_path_text,
    "median": lambda arguments: (
        f"percentile_cont(0.5) WITHIN GROUP (ORDER BY {_joined(arguments)})"
    ),
}
WORDS = frozenset(_REWRITES) | {
    "approximate",
    "listagg",
    "minus",
    "nvarchar",
    "pivot",
    "qualify",
    "sysdate",
    "top",
    "unpivot",
    "varbyte",
}
_TYPE_NAMES = {"nvarchar": "varchar", "varbyte": "bytea", "varbinary": "bytea"}


def rewrite_calls(tokens: Tokens) -> list[Token]:
    """The statement, or a part of it, with Redshift's own functions and words replaced."""
    done: list[Token] = []
    place = 0
    limit = ""
    while place < len(tokens):
        token = tokens[place]
        after = next_place(tokens, place + 1)
        following = tokens[after] if after < len(tokens) else Token("end", "")
        qualified = bool(done) and done[-1].text == "."
        if token.word and not qualified and following.text == "(":
            place = _rewrite_call(tokens, place, after, done)
        elif token.text == "(":
            end = closing(tokens, place)
            done += [token, *rewrite_calls(tokens[place + 1 : end]), tokens[end]]
            place = end + 1
        elif token.word == "top" and following.kind == "number":
            limit = f" LIMIT {following.text}"
            place = after + 1
        else:
            done.append(token if qualified else _rewrite_word(token, following))
            place += 1
    return [*done, sql(limit)] if limit else done


def _rewrite_call(tokens: Tokens, place: int, opening: int, done: list[Token]) -> int:
    name = tokens[place].word
    end = closing(tokens, opening)
    inside = tokens[opening + 1 : end]
    if name in ABSENT:
        raise SqlError(f"function {name}(unknown) does not exist", UNDEFINED_FUNCTION)
    if name in _NOT_EMBEDDED:
        raise not_embedded(name.upper())
    if name == "listagg":
        return _rewrite_listagg(tokens, inside, end + 1, done)
    if [token.word for token in significant(inside)] == ["max"]:
        done.append(sql(f"{_TYPE_NAMES.get(name, tokens[place].text)}(65535)"))
    elif rewrite := _REWRITES.get(name):
        arguments = [rewrite_calls(argument) for argument in split(inside, ",")]
        try:
            done.append(sql(rewrite(arguments)))
        except (IndexError, ValueError):
            raise SqlError(
                f"function {name} takes another number of arguments", UNDEFINED_FUNCTION
            ) from None
    else:
        done.append(_rewrite_word(tokens[place], tokens[opening]))
        done += [*tokens[place + 1 : opening + 1], *rewrite_calls(inside), tokens[end]]
    return end + 1


def _rewrite_listagg(tokens: Tokens, inside: Tokens, place: int, done: list[Token]) -> int:
    """LISTAGG([DISTINCT] expression [, delimiter]) [WITHIN GROUP (ORDER BY …)]."""
    first, *rest = (text_of(rewrite_calls(part)).strip() for part in split(inside, ","))
    delimiter = rest[0] if rest else "''"
    order = ""
    within = next_place(tokens, place)
    if within < len(tokens) and tokens[within].word == "within":
        opening = next(p for p in range(within, len(tokens)) if tokens[p].text == "(")
        place = closing(tokens, opening) + 1
        order = " " + text_of(rewrite_calls(tokens[opening + 1 : place - 1])).strip()
    unique = "DISTINCT " if first.lower().startswith("distinct") else ""
    expression = first[len(unique) :].strip()
    if unique:  # whose ORDER BY has to name the very argument
        order = re.sub(rf"(?<=\s){re.escape(expression)}(?=\s|$)", f"({expression})::text", order)
    done.append(sql(f"string_agg({unique}({expression})::text, {delimiter}{order})"))
    return place


def _rewrite_word(token: Token, following: Token) -> Token:
    if token.word == "sysdate":
        return sql("pg_catalog.sysdate()")
    if token.word == "minus" and (following.word in ("select", "with") or following.text == "("):
        return sql("EXCEPT")
    if token.word == "approximate":
        return sql("")
    if token.word in _TYPE_NAMES:
        return sql(_TYPE_NAMES[token.word])
    if token.word in ("qualify", "pivot", "unpivot") and following.kind != "end":
        if token.word == "qualify" or following.text == "(":
            raise not_embedded(token.word.upper())
    return token


def refuse_postgresql(tokens: Tokens) -> None:
    """Refuse what PostgreSQL would run and Redshift does not know.

    Raises:
        SqlError: As Redshift words it.
    """
    words = significant(tokens)
    end = Token("end", "")
    for before, token, following in zip([end, *words], words, [*words[1:], end], strict=False):
        pair = token.word, following.word
        if pair == ("on", "conflict"):
            raise syntax_error(token.text)
        if token.word == "returning" and following.kind != "end":
            raise syntax_error(token.text)
        if pair == ("distinct", "on") and token.kind == "word":
            raise SqlError("SELECT DISTINCT ON is not supported", "0A000")
        if token.word == "filter" and following.text == "(":
            raise syntax_error("(")
        if token.word == "lateral":
            raise syntax_error(token.text)
        in_cast = before.text == "::" or before.word == "as" and following.text == ")"
        if token.word in ("jsonb", "json") and in_cast:
            raise SqlError(f'type "{token.word}" does not exist', "42704")
