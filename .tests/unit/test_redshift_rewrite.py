"""Redshift SQL becomes SQL that PostgreSQL runs, or a plan of our own, or a refusal."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_cloud.redshift.lexer import split_statements, text_of, tokenize
from local_cloud.redshift.plans import Alone, Begin, Copy, End, Plain, Refused, Truncate, Unload
from local_cloud.redshift.rewrite import is_plain, plan_script


def rewritten(sql: str) -> str:
    """The statement as PostgreSQL gets it."""
    (plan,) = plan_script(sql)
    assert isinstance(plan, Plain), plan
    return plan.sql


@settings(deadline=None)  # a loaded machine is no failure
@given(st.text(alphabet="ab1'\"\\$;-/*(), \n[].:é", max_size=40))
def test_tokens_joined_are_the_sql(sql: str) -> None:
    assert text_of(tokenize(sql)) == sql


PLAIN = [
    "INSERT INTO t VALUES (1, 'a; b', 'nvl(1)'), (2, 'returning', '[x]')",
    'SELECT "nvl", \'it\'\'s\' FROM "s"."t" -- decode(1)',
    "SELECT /* jsonb */ a.b, c.d FROM x a JOIN y c ON a.i = c.i",
    "DELETE FROM t USING s WHERE t.id = s.id;",
    "WITH a AS (SELECT 1) SELECT * FROM a",
    "UPDATE t SET v = E'\\'nvl(' WHERE id = 1",
]


@pytest.mark.parametrize("sql", PLAIN)
def test_plain_dml_passes_as_it_is(sql: str) -> None:
    assert is_plain(sql)
    assert plan_script(sql) == [Plain(sql)]


REWRITTEN = [
    ("SELECT NVL(a, NVL(b, 1))", "SELECT COALESCE(a, COALESCE(b, 1))"),
    ("SELECT x.nvl(1)", "SELECT x.nvl(1)"),
    ("SELECT 'nvl(1)', nvl(1, 2)", "SELECT 'nvl(1)', COALESCE(1, 2)"),
    ("SELECT SYSDATE", "SELECT pg_catalog.sysdate()"),
    ("SELECT DATEADD(day, -1, d)", "SELECT pg_catalog.dateadd('day', -1, d)"),
    (
        "SELECT c.items[0].sku FROM c",
        "SELECT pg_catalog.super_path(c.items, (0)::text, 'sku') FROM c",
    ),
    ("SELECT a::VARCHAR(MAX)", "SELECT a::VARCHAR(65535)"),
    ("SELECT 1 MINUS SELECT 2", "SELECT 1 EXCEPT SELECT 2"),
    ("SELECT minus FROM t WHERE nvl(a, b)", "SELECT minus FROM t WHERE COALESCE(a, b)"),
    ("SELECT TOP 5 a FROM t", "SELECT  a FROM t LIMIT 5"),
    ("SELECT * FROM (SELECT TOP 5 a FROM t) q", "SELECT * FROM (SELECT  a FROM t LIMIT 5) q"),
    ("SET query_group TO 'x'", "SET redshift.query_group TO 'x'"),
    ("SET search_path TO a, b", "SET search_path TO a, b"),
    ("CREATE VIEW v AS SELECT 1 WITH NO SCHEMA BINDING", "CREATE VIEW v AS SELECT 1"),
    ("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES b (c)", "ALTER TABLE t RESET (fillfactor)"),
]


@pytest.mark.parametrize(("sql", "wanted"), REWRITTEN, ids=[sql for sql, _ in REWRITTEN])
def test_what_only_redshift_has_is_replaced(sql: str, wanted: str) -> None:
    assert rewritten(sql).strip() == wanted


def test_create_table_notes_what_postgresql_has_no_place_for() -> None:
    assert rewritten(
        'CREATE TABLE s.t (a INT DISTKEY, "B" VARCHAR ENCODE lzo) SORTKEY (a, "B")'
    ) == (
        'CREATE TABLE s.t (a INT, "B" varchar(256)) /*redshift:{"table": "t", "distkey": "a",'
        ' "sortkeys": ["a", "B"], "encodings": {"B": "lzo"}}*/'
    )


def test_copy_is_read_with_its_options() -> None:
    (plan,) = plan_script(
        "copy \"S\".t (a, \"B\") from 's3://b/k' iam_role 'arn' format as parquet manifest;"
    )
    assert plan == Copy(
        '"S".t',
        ("a", '"B"'),
        "s3://b/k",
        {"iam_role": "arn", "format": "parquet", "manifest": ""},
    )


def test_copy_of_text_takes_escapes_and_values() -> None:
    (plan,) = plan_script(
        "COPY t FROM 's3://b/k' CREDENTIALS 'aws_iam_role=x' DELIMITER AS '\\t' NULL AS '\\\\N'"
        " IGNOREHEADER 1 GZIP MAXERROR AS 5 ACCEPTINVCHARS COMPUPDATE OFF"
    )
    assert isinstance(plan, Copy)
    assert plan.options == {
        "credentials": "aws_iam_role=x",
        "delimiter": "\t",
        "null": "\\N",
        "ignoreheader": "1",
        "gzip": "",
        "maxerror": "5",
        "acceptinvchars": "?",
        "compupdate": "off",
    }


def test_unload_reads_and_rewrites_the_query_in_its_literal() -> None:
    (plan,) = plan_script(
        "UNLOAD ($$SELECT nvl(a, 'x') FROM t$$) TO 's3://b/p' IAM_ROLE 'r' PARQUET"
        " PARTITION BY (a, b) INCLUDE MAXFILESIZE 100 MB"
    )
    assert plan == Unload(
        "SELECT COALESCE(a, 'x') FROM t",
        "s3://b/p",
        ("a", "b"),
        {"iam_role": "r", "format": "parquet", "maxfilesize": "100 mb", "include": ""},
    )


def test_script_is_cut_at_its_semicolons_only() -> None:
    script = "BEGIN; INSERT INTO t VALUES ('a;b'); TRUNCATE t; VACUUM FULL t TO 99 PERCENT; END;"
    assert [type(plan) for plan in plan_script(script)] == [Begin, Plain, Truncate, Alone, End]
    assert len(split_statements(tokenize("SELECT $$a;b$$; -- c;d\n;"))) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE t (a JSON)",
        "CREATE INDEX i ON t (a)",
        "CREATE UNLOGGED TABLE t (a INT)",
        "CREATE TABLE t (a INT) PARTITION BY RANGE (a)",
        "INSERT INTO t SELECT 1 RETURNING a",
        "SELECT UNNEST(a) FROM t",
        "SELECT 1 FROM t PIVOT (SUM(a) FOR b IN (1))",
        "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED AND s.b THEN DELETE WHEN NOT MATCHED"
        " THEN INSERT VALUES (1)",
        "COPY t FROM PROGRAM 'ls'",
        "UNLOAD ('SELECT 1 LIMIT 1') TO 's3://b/k' IAM_ROLE 'r'",
        "USE other",
    ],
)
def test_what_redshift_or_we_do_not_run_is_refused(sql: str) -> None:
    (plan,) = plan_script(sql)
    assert isinstance(plan, Refused)
