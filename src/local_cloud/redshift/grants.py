"""GRANT and REVOKE: roles are named ROLE, and tables may be altered by others than their owner.

PostgreSQL lets only a table's owner alter it, and who is a member of the owner: so the role that
Redshift lets ALTER or DROP a table owns it here.
"""

from __future__ import annotations

from local_cloud.redshift.errors import not_embedded
from local_cloud.redshift.lexer import Cursor, Token, Tokens, quote, significant, text_of, unquote
from local_cloud.redshift.plans import Plain

_OWNERS = frozenset({"alter", "drop"})
_BEFORE_ROLE = frozenset({"grant", "revoke", "to", "from", ","})


def rewrite_grant(tokens: Tokens) -> Plain:
    """GRANT and REVOKE of rights, and of roles."""
    words = significant(tokens)
    on = next((place for place, each in enumerate(words) if each.word == "on"), 0)
    if words[0].word == "grant" and _OWNERS & {each.word for each in words[1:on]}:
        return Plain(_own(Cursor(words[on + 1 :])))
    kept: list[Token] = []
    last = ""
    for token in tokens:
        if token.word == "role" and last in _BEFORE_ROLE:
            continue
        kept.append(token)
        last = last if token.kind == "space" else token.word or token.text
    return Plain(text_of(kept))


def _own(cursor: Cursor) -> str:
    """SQL that gives tables to a role."""
    if cursor.accept("all", "tables", "in", "schema"):
        schema = unquote(cursor.take()).replace("'", "''")
        role = _role(cursor)
        quoted = role.replace("'", "''")
        return (
            "DO $grant$ DECLARE held record; BEGIN FOR held IN SELECT schemaname, tablename"
            f" FROM pg_tables WHERE schemaname = '{schema}' AND tableowner <> '{quoted}'"
            " LOOP EXECUTE format('ALTER TABLE %I.%I OWNER TO %I', held.schemaname,"
            f" held.tablename, '{quoted}'); END LOOP; END $grant$"
        )
    cursor.accept("table")
    table = text_of(cursor.name())
    return f"ALTER TABLE {table} OWNER TO {quote(_role(cursor))}"


def _role(cursor: Cursor) -> str:
    if not cursor.accept("to", "role"):
        raise not_embedded(
            "GRANT of ALTER or DROP but TO ROLE, and on one table or all of a schema"
        )
    role = unquote(cursor.take())
    if not cursor.at_end:
        raise not_embedded("GRANT of ALTER or DROP to several roles")
    return role
