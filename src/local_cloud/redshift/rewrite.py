"""From Redshift SQL to plans: what PostgreSQL runs, what we run, what is refused."""

from __future__ import annotations

import re

from local_cloud.redshift.calls import ABSENT, WORDS, refuse_postgresql, rewrite_calls
from local_cloud.redshift.commands import parse_copy, parse_unload, rewrite_merge
from local_cloud.redshift.ddl import rewrite_create_table
from local_cloud.redshift.ddl_alter import rewrite_alter_table
from local_cloud.redshift.errors import FEATURE_NOT_SUPPORTED, SqlError, not_embedded, syntax_error
from local_cloud.redshift.grants import rewrite_grant
from local_cloud.redshift.lexer import (
    Cursor,
    Tokens,
    first_word,
    significant,
    split_statements,
    text_of,
    tokenize,
    unquote,
)
from local_cloud.redshift.plans import Alone, Begin, End, Plain, Plan, Refused, Truncate
from local_cloud.redshift.super_paths import rewrite_super

_DML = frozenset("select insert update delete with values explain fetch declare close".split())
# What no keyword can stand in.
_OPAQUE = re.compile(
    r"""'(?:[^'\\]++|\\.)*+' | "[^"]*+" | --[^\n]*+ | /\*.*?\*/ | \$(\w*)\$.*?\$\1\$""",
    re.DOTALL | re.VERBOSE,
)
_WORD = re.compile(r"[a-z_]\w*")
_SUSPECT_WORDS = WORDS | ABSENT | {"conflict", "returning", "filter", "lateral", "json", "jsonb"}
_SUSPECTS = re.compile(
    r"\[|;\s*\S|\(\s*max\s*\)|distinct\s+on\b"
    r"|,\s*[a-z_]\w*\.[a-z_]\w*\s+(?!from\b)(?:as\s+)?[a-z_]"  # FROM orders o, o.items i
)

# Settings that only Redshift has: kept, without effect.
_SETTINGS = frozenset(
    "activate_aqua analyze_threshold_percent auto_mv cast_super_null_on_error"
    " datashare_break_glass_session_var default_geometry_encoding describe_field_name_in_uppercase"
    " downcase_delimited_identifier enable_case_sensitive_identifier"
    " enable_case_sensitive_super_attribute enable_result_cache_for_session enable_numeric_rounding"
    " enable_vacuum_boost json_serialization_enable json_serialization_parse_nested_strings"
    " max_concurrency_scaling_clusters max_cursor_result_set_size mv_enable_aqmv_for_session"
    " navigate_super_null_on_error parse_super_null_on_error pg_federation_repeatable_read"
    " query_group spectrum_enable_pseudo_columns spectrum_query_maxerror"
    " stored_proc_log_min_messages use_fips_ssl wlm_query_slot_count wlm_json_configuration".split()
)
_UNSUPPORTED_CREATES = {
    "index": 'SQL command "{sql}" not supported on Redshift tables.',
    "unique": 'SQL command "{sql}" not supported on Redshift tables.',
    "sequence": 'SQL command "{sql}" not supported on Redshift tables.',
    "trigger": 'SQL command "{sql}" not supported.',
    "rule": 'SQL command "{sql}" not supported.',
    "domain": 'SQL command "{sql}" not supported.',
    "extension": 'SQL command "{sql}" not supported.',
    "type": 'SQL command "{sql}" not supported.',
    "tablespace": 'SQL command "{sql}" not supported.',
    "unlogged": 'SQL command "{sql}" not supported.',
}
_NOT_EMBEDDED_CREATES = frozenset("external datashare model library masking rls".split())


def is_plain(script: str) -> bool:
    """Whether PostgreSQL can run the script as it is.

    Seen without cutting it into tokens, which takes as long as running a bulk INSERT.
    """
    visible = _OPAQUE.sub("''", script).lower()
    if "from pg_catalog." in visible:  # of a tool that knows PostgreSQL's catalogue, as psql does
        return True
    words = _WORD.findall(visible)
    return (
        bool(words)
        and words[0] in _DML
        and _SUSPECT_WORDS.isdisjoint(words)
        and not _SUSPECTS.search(visible)
    )


def plan_script(script: str) -> list[Plan]:
    """A plan for each statement of a script."""
    if is_plain(script):
        return [Plain(script)]
    return [plan_statement(statement) for statement in split_statements(tokenize(script))]


def plan_statement(tokens: Tokens) -> Plan:
    """What is to be done with one statement."""
    try:
        return _plan(tokens)
    except SqlError as error:
        return Refused(error)


def _plan(tokens: Tokens) -> Plan:
    match first_word(tokens):
        case "begin" | "start":
            return Begin(text_of(tokens))
        case "commit" | "end" | "rollback" | "abort":
            return End(text_of(tokens))
        case "copy":
            return parse_copy(tokens)
        case "unload":
            return parse_unload(tokens)
        case "truncate":
            return Truncate(text_of(tokens))
        case "merge":
            return rewrite_merge(tokens)
        case "create":
            return _plan_create(tokens)
        case "alter":
            return _plan_alter(tokens)
        case "set" | "reset" | "show":
            return _plan_setting(tokens)
        case "lock":
            if any(token.word == "in" for token in tokens):
                raise syntax_error("IN")
            return Plain(text_of(tokens))
        case "grant" | "revoke":
            return rewrite_grant(tokens)
        case "vacuum":
            return _plan_vacuum(tokens)
        case "use" | "cancel" | "attach" | "detach" as command:
            raise not_embedded(command.upper())
    refuse_postgresql(tokens)
    return Plain(text_of(rewrite_calls(rewrite_super(tokens))))


def _plan_create(tokens: Tokens) -> Plan:
    words = [token.word for token in significant(tokens)]
    kind = words[1] if words[1:3] != ["or", "replace"] else words[3]
    if refusal := _UNSUPPORTED_CREATES.get(kind):
        text = " ".join(text_of(tokens).split())
        raise SqlError(refusal.format(sql=text), FEATURE_NOT_SUPPORTED)
    if kind in _NOT_EMBEDDED_CREATES or "plpythonu" in words:
        raise not_embedded(f"CREATE {kind.upper()}")
    if "table" in words[1:4]:
        return rewrite_create_table(tokens)
    if kind == "view":
        text = re.sub(r"\s+with\s+no\s+schema\s+binding\s*$", "", text_of(tokens), flags=re.I)
        return Plain(text_of(rewrite_calls(rewrite_super(tokenize(text)))))
    return Plain(text_of(tokens))


def _plan_alter(tokens: Tokens) -> Plan:
    words = [token.word for token in significant(tokens)]
    return rewrite_alter_table(tokens) if words[1] == "table" else Plain(text_of(tokens))


def _plan_setting(tokens: Tokens) -> Plan:
    """Give the settings that PostgreSQL does not know a name that it takes."""
    cursor = Cursor(tokens)
    words = [cursor.take().text]
    while cursor.peek().word in ("session", "local"):
        words.append(cursor.take().text)
    name = unquote(cursor.peek())
    if name not in _SETTINGS:
        return Plain(text_of(tokens))
    cursor.take()
    words.append(f"redshift.{name}")
    words += [token.text for token in cursor]
    if words[0].lower() == "show":
        return Plain(f"SELECT coalesce(current_setting('redshift.{name}', true), '') AS {name}")
    return Plain(" ".join(words))


def _plan_vacuum(tokens: Tokens) -> Plan:
    """VACUUM [FULL | SORT ONLY | DELETE ONLY | REINDEX | RECLUSTER] [table [TO n PERCENT] …]."""
    cursor = Cursor(tokens)
    cursor.take()
    for words in (("full",), ("sort", "only"), ("delete", "only"), ("reindex",), ("recluster",)):
        cursor.accept(*words)
    table = "" if cursor.at_end else text_of(cursor.name())
    return Alone(f"VACUUM {table}", "VACUUM")
