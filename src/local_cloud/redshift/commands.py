"""COPY, UNLOAD and MERGE: their clauses."""

from __future__ import annotations

import re

from local_cloud.redshift.calls import rewrite_calls
from local_cloud.redshift.errors import SqlError, not_embedded, syntax_error
from local_cloud.redshift.lexer import (
    Cursor,
    Tokens,
    closing,
    next_place,
    split,
    text_of,
    tokenize,
    unquote,
)
from local_cloud.redshift.plans import Copy, Plain, Unload
from local_cloud.redshift.super_paths import rewrite_super

_FORMATS = ("parquet", "csv", "json", "orc", "avro", "shapefile", "fixedwidth")
_COMPRESSIONS = ("gzip", "bzip2", "zstd", "lzop")
_FLAGS = frozenset(
    "acceptanydate addquotes allowoverwrite blanksasnull cleanpath emptyasnull escape explicit_ids"
    " fillrecord header ignoreblanklines ignoreallerrors manifest noload removequotes roundec"
    " serializetojson trimblanks truncatecolumns verbose".split()
) | set(_COMPRESSIONS)
_VALUED = frozenset(
    "access_key_id acceptinvchars comprows compupdate credentials dateformat delimiter encoding"
    " extension iam_role ignoreheader master_symmetric_key maxerror maxfilesize null parallel quote"
    " readratio region rowgroupsize secret_access_key session_token ssh statupdate"
    " timeformat".split()
)
_OPTIONAL_VALUE = {"acceptinvchars": "?", "compupdate": "on", "statupdate": "on", "parallel": "on"}


def parse_copy(tokens: Tokens) -> Copy:
    """COPY table [(columns)] FROM 's3://…' options."""
    cursor = Cursor(tokens)
    cursor.take()
    table = text_of(cursor.name())
    columns: tuple[str, ...] = ()
    if cursor.peek().text == "(":
        columns = tuple(text_of(part) for part in split(cursor.group(), ","))
    if not cursor.accept("from"):
        raise syntax_error(cursor.peek().text)
    if cursor.peek().kind != "string":
        raise syntax_error(cursor.peek().text)
    source = unquote(cursor.take())
    if not source.startswith("s3://"):
        raise not_embedded(f"COPY FROM '{source}': only s3:// sources")
    return Copy(table, columns, source, _options(cursor))


def parse_unload(tokens: Tokens) -> Unload:
    """UNLOAD ('query') TO 's3://…' options."""
    cursor = Cursor(tokens)
    cursor.take()
    query = cursor.group()
    if len(query) != 1 or query[0].kind != "string":
        raise syntax_error("UNLOAD")
    if not cursor.accept("to"):
        raise syntax_error(cursor.peek().text)
    target = unquote(cursor.take())
    partition_by: tuple[str, ...] = ()
    before: list[str] = []
    options: dict[str, str] = {}
    while not cursor.at_end:
        if cursor.accept("partition", "by"):
            partition_by = tuple(unquote(part[0]) for part in split(cursor.group(), ","))
            if cursor.accept("include"):
                before.append("include")
        else:
            _option(cursor, options)
    options |= dict.fromkeys(before, "")
    select = tokenize(unquote(query[0]))
    if _outer_limit(select):
        raise SqlError("Limit clause is not supported. Please use inner select instead", "0A000")
    rewritten = text_of(rewrite_calls(rewrite_super(select))).rstrip("; \n")
    return Unload(rewritten, target, partition_by, options)


def _outer_limit(tokens: Tokens) -> bool:
    place = 0
    while place < len(tokens):
        if tokens[place].text == "(":
            place = closing(tokens, place)
        elif tokens[place].word == "limit":
            return True
        place += 1
    return False


def _options(cursor: Cursor) -> dict[str, str]:
    options: dict[str, str] = {}
    while not cursor.at_end:
        _option(cursor, options)
    return options


def _option(cursor: Cursor, options: dict[str, str]) -> None:
    word = cursor.take()
    name = word.word
    if name == "with":
        return
    if name == "format":
        cursor.accept("as")
        _format(cursor, options, cursor.take().word)
    elif name in _FORMATS:
        _format(cursor, options, name)
    elif name in _FLAGS:
        options[name] = ""
        cursor.accept("as")
    elif name in _VALUED:
        cursor.accept("as")
        options[name] = _value(cursor, name)
    else:
        raise syntax_error(word.text)


def _format(cursor: Cursor, options: dict[str, str], name: str) -> None:
    if name not in _FORMATS:
        raise syntax_error(name)
    if name not in ("parquet", "csv", "json"):
        raise not_embedded(f"FORMAT AS {name.upper()}")
    options["format"] = name
    cursor.accept("as")
    if name == "json":
        options["json"] = unquote(cursor.take()) if cursor.peek().kind == "string" else "auto"


def _value(cursor: Cursor, name: str) -> str:
    token = cursor.peek()
    if name in _OPTIONAL_VALUE and not (
        token.kind in ("string", "number") or token.word in ("on", "off", "true", "false", "preset")
    ):
        return _OPTIONAL_VALUE[name]
    value = unquote(cursor.take())
    if name in ("maxfilesize", "rowgroupsize"):
        return value + " " + (cursor.take().word if cursor.peek().word in ("mb", "gb") else "mb")
    return value


def rewrite_merge(tokens: Tokens) -> Plain:
    """MERGE in both of Redshift's forms.

    Raises:
        SqlError: It is PostgreSQL's MERGE and not Redshift's.
    """
    words = Cursor(tokens)
    words.accept("merge")
    words.accept("into")
    target = text_of(words.name())
    alias = ""
    if words.accept("as") or words.peek().word != "using":
        alias = words.take().text
    if not words.accept("using"):
        raise syntax_error(words.peek().text)
    if words.peek().text == "(":
        raise syntax_error("(")
    source = text_of(words.name())
    source_alias = ""
    if words.accept("as") or words.peek().word != "on":
        source_alias = words.take().text
    rest = list(words)
    names = [token.word for token in rest]
    if names[-2:] == ["remove", "duplicates"]:
        condition = _between(tokens, "on", "remove")
        matched = f"{target} {alias}".strip()
        using = f"{source} {source_alias}".strip()
        return Plain(
            f"WITH removed AS (DELETE FROM {matched} USING {using} WHERE {condition})"
            f" INSERT INTO {target} SELECT DISTINCT * FROM {source}"
        )
    text = text_of(tokens)
    if "matched" not in names or not re.search(r"when\s+matched\s+then", text, re.IGNORECASE):
        raise syntax_error("WHEN" if "and" not in names else "AND")
    if not re.search(r"when\s+not\s+matched\s+then\s+insert", text, re.IGNORECASE):
        raise SqlError("MERGE needs both a WHEN MATCHED and a WHEN NOT MATCHED clause", "42601")
    return Plain(text_of(rewrite_calls(tokens)))


def _between(tokens: Tokens, start: str, end: str) -> str:
    """The text between the first of one word and the last of another."""
    first = next(place for place, token in enumerate(tokens) if token.word == start)
    last = max(place for place, token in enumerate(tokens) if token.word == end)
    return text_of(rewrite_calls(tokens[next_place(tokens, first + 1) : last])).strip()
