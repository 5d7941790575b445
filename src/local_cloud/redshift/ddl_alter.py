"""ALTER TABLE: one change at a time, as Redshift wants it."""

from __future__ import annotations

from local_cloud.redshift.ddl import (
    Note,
    column_definition,
    column_type,
    table_attributes,
    table_constraint,
)
from local_cloud.redshift.errors import FEATURE_NOT_SUPPORTED, SqlError, not_embedded, syntax_error
from local_cloud.redshift.lexer import Cursor, Tokens, split, text_of, unquote
from local_cloud.redshift.plans import Alone, Plain, Plan

_NOTHING = "RESET (fillfactor)"  # an ALTER TABLE that changes nothing


def rewrite_alter_table(tokens: Tokens) -> Plan:
    """ALTER TABLE, one change at a time as Redshift wants it."""
    parts = split(tokens, ",")
    if len(parts) > 1:
        raise syntax_error(",")
    cursor = Cursor(tokens)
    cursor.accept("alter", "table")
    name = cursor.name()
    note = Note(unquote(name[-1]))
    head = f"ALTER TABLE {text_of(name)}"
    if cursor.accept("append"):
        raise not_embedded("ALTER TABLE APPEND")
    if cursor.accept("add"):
        addition = _addition(cursor, note)
        return Plain(f"{head} {addition}{note.comment()}")
    if cursor.accept("alter"):
        return _alteration(cursor, head, note)
    return Plain(text_of(tokens))


def _addition(cursor: Cursor, note: Note) -> str:
    if cursor.peek().word in ("primary", "unique", "foreign", "constraint", "check"):
        constraint = table_constraint(cursor)
        return f"ADD {constraint}" if constraint else _NOTHING
    cursor.accept("column")
    if cursor.accept("if"):
        raise syntax_error(cursor.peek().text)
    return f"ADD COLUMN {column_definition(cursor, note)}"


def _alteration(cursor: Cursor, head: str, note: Note) -> Plan:
    if cursor.peek().word in ("distkey", "diststyle", "sortkey", "compound", "encode"):
        cursor.accept("sortkey", "none")
        table_attributes(cursor, note)
        return Plain(f"{head} {_NOTHING}{note.comment()}")
    cursor.accept("column")
    column = cursor.take()
    if cursor.accept("encode"):
        note.encodings[unquote(column)] = cursor.take().text.lower()
        return Plain(f"{head} {_NOTHING}{note.comment()}")
    if not cursor.accept("type"):
        raise syntax_error(cursor.peek().text)
    kind = column_type(cursor, unquote(column))
    if not kind.startswith("varchar("):
        raise SqlError(
            f'cannot alter column "{unquote(column)}": only the size of a VARCHAR column changes',
            FEATURE_NOT_SUPPORTED,
        )
    return Alone(f"{head} ALTER COLUMN {column.text} TYPE {kind}", "ALTER TABLE ALTER COLUMN")
