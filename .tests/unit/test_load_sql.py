"""The statements of a load; what they do is shown on a warehouse in integration/test_load.py."""

import dataclasses
from datetime import UTC, date, datetime

import pytest
from warehouse_samples import make_contract

from aws.redshift.errors import ConnectionLostError, StatementError
from etl.model import LINEAGE_COLUMNS
from etl.warehouse.deletes_sql import deleted_rows_sql
from etl.warehouse.executor import retry_conflicts
from etl.warehouse.ledger import Load
from etl.warehouse.load_sql import Copied, load_steps
from etl.warehouse.table_hash import table_hash_sql

LOAD = Load(
    run_date=date(2026, 1, 1),
    run_id="run-1",
    extracted=10,
    deduplicated=1,
    filtered=0,
    quarantined=2,
    loaded=7,
    manifest_digest="ab" * 32,
    loaded_at=datetime(2026, 1, 2, tzinfo=UTC),
)
ROLE = "arn:aws:iam::123456789012:role/copy"
MANIFEST = "s3://artifacts/runs/things/2026-01-01/load.manifest"


def _steps(contract, *, manifest_uri=MANIFEST, keys=None):
    return load_steps(contract, LOAD, manifest_uri=manifest_uri, copy_role_arn=ROLE, keys=keys)


def _heads(steps):
    return [" ".join(step.sql.split()[:3]) for step in steps]


def test_load_steps_replace_locks_first_and_ends_with_the_ledger():
    assert _heads(_steps(make_contract())) == [
        'LOCK "sales"."things__ledger"',
        "CREATE TEMP TABLE",
        'COPY "things__stage" ("id",',
        "SELECT CAST(CASE WHEN",
        'DELETE FROM "sales"."things"',
        'INSERT INTO "sales"."things"',
        'DELETE FROM "sales"."things__ledger"',
        'INSERT INTO "sales"."things__ledger"',
        'DROP TABLE "things__stage"',
    ]


def test_load_steps_merge_ranks_the_rows_whose_key_other_dates_have_apart():
    assert _heads(_steps(make_contract(load_mode="merge")))[4:15] == [
        "CREATE TEMP TABLE",
        'DELETE FROM "sales"."things__superseded"',
        'INSERT INTO "sales"."things__superseded"',
        'INSERT INTO "sales"."things__superseded"',
        'DELETE FROM "things__stage"',
        'DELETE FROM "sales"."things"',
        'DELETE FROM "sales"."things"',
        'INSERT INTO "sales"."things"',
        'INSERT INTO "sales"."things"',
        'DELETE FROM "sales"."things__superseded"',
        'DROP TABLE "things__others"',
    ]


def test_load_steps_with_keys_replace_them_before_rows_are_counted():
    contract = make_contract(load_mode="merge", detect_deletes=True)
    steps = _steps(contract, keys=Copied(manifest_uri="s3://artifacts/keys.manifest", rows=9))
    heads = _heads(steps)
    assert heads[4:7] == [
        "CREATE TEMP TABLE",
        'COPY "things__keys_stage" ("id")',
        "SELECT CAST(CASE WHEN",
    ]
    assert heads[7:13] == [
        "CREATE TEMP TABLE",
        'DELETE FROM "sales"."things__keys"',
        'INSERT INTO "sales"."things__keys"',
        'INSERT INTO "sales"."things__keys"',
        'DELETE FROM "sales"."things__superseded"',
        'INSERT INTO "sales"."things__superseded"',
    ]
    assert heads[-2:] == ['DROP TABLE "things__stage"', 'DROP TABLE "things__keys_stage"']
    assert len(steps) <= 40


def test_load_steps_without_keys_leave_those_of_another_run():
    contract = make_contract(load_mode="merge", detect_deletes=True)
    steps = _steps(contract)
    assert not any("__keys_stage" in step.sql for step in steps)
    assert [step.name for step in steps if "__keys" in step.sql] == [
        "set apart the run date's rows of those keys",
        "insert the rows of the keys that no other has",
        "insert the latest row of the others",
    ]


@pytest.mark.parametrize("mode", ["replace", "merge"])
def test_load_steps_fit_one_data_api_batch(mode):
    assert len(_steps(make_contract(load_mode=mode))) <= 40


def test_load_steps_without_files_copy_nothing_but_empty_the_partition():
    heads = _heads(_steps(make_contract(), manifest_uri=None))
    assert not any(head.startswith("COPY") for head in heads)
    assert 'DELETE FROM "sales"."things"' in heads


def test_copy_names_columns_and_serialises_arrays():
    sql = _steps(make_contract())[2].sql
    assert sql == (
        'COPY "things__stage" ("id", "small", "big", "price", "weight", "gift", "day",'
        ' "updated_at", "note", "items")\n'
        f"FROM '{MANIFEST}'\nIAM_ROLE '{ROLE}'\nFORMAT AS PARQUET\nMANIFEST\nSERIALIZETOJSON"
    )


def test_copy_without_arrays_does_not_serialise():
    contract = make_contract()
    flat = dataclasses.replace(contract, columns=contract.columns[:-1])
    assert _steps(flat)[2].sql.endswith("\nMANIFEST")


def test_insert_reads_stage_timestamps_as_utc_and_adds_the_run_date():
    sql = _steps(make_contract())[5].sql
    assert "\"updated_at\" AT TIME ZONE 'UTC'" in sql
    assert "CAST('2026-01-01' AS DATE) AS \"ingest_date\"" in sql
    assert "CAST('2026-01-02 00:00:00.000000+00' AS TIMESTAMPTZ) AS \"_loaded_at\"" in sql


def test_insert_latest_orders_by_latest_column_then_run_date():
    sql = _steps(make_contract(load_mode="merge"))[12].sql
    assert 'ORDER BY v."updated_at" DESC NULLS LAST, v."ingest_date" DESC' in sql
    alone = _steps(make_contract(load_mode="merge", latest_by=None))[12].sql
    assert 'ORDER BY v."ingest_date" DESC' in alone


def test_text_keys_are_told_apart_by_their_lengths_too():
    sql = {
        step.name: step.sql
        for step in _steps(make_contract(load_mode="merge", primary_key=("small", "id")))
    }
    others = sql["list the keys that other run dates have too"]
    assert others.startswith('CREATE TEMP TABLE "things__others" AS\nSELECT v."small", v."id"\n')
    assert others.endswith(
        'ON v."small" = t."small" AND v."id" = t."id"'
        ' AND OCTET_LENGTH(v."id") = OCTET_LENGTH(t."id")\n'
        'GROUP BY v."small", v."id", OCTET_LENGTH(v."id")'
    )
    latest = sql["insert the latest row of the others"]
    assert 'PARTITION BY v."small", v."id", OCTET_LENGTH(v."id")\n' in latest


@pytest.mark.parametrize("key", [("big",), ("day", "updated_at")])
def test_keys_without_text_are_compared_as_they_are(key):
    contract = make_contract(load_mode="merge", detect_deletes=True, primary_key=key)
    steps = _steps(contract, keys=Copied(manifest_uri="s3://artifacts/keys.manifest", rows=9))
    sql = {step.name: step.sql for step in steps}
    assert not any("OCTET_LENGTH" in each for each in (*sql.values(), deleted_rows_sql(contract)))
    names = ", ".join(f'v."{name}"' for name in key)
    same = " AND ".join(f'v."{name}" = t."{name}"' for name in key)
    others = sql["list the keys that other run dates have too"]
    assert f"AS\nSELECT DISTINCT {names}\nFROM (" in others and others.endswith(f"AS t ON {same}")
    assert f"PARTITION BY {names}\n" in sql["insert the latest row of the others"]
    assert "SELECT DISTINCT" in sql["keep the keys that have come"]


def test_table_hash_leaves_out_when_rows_were_loaded():
    sql = table_hash_sql(make_contract())
    assert "_loaded_at" not in sql
    columns = (*make_contract().columns, *LINEAGE_COLUMNS.values())
    assert table_hash_sql(make_contract(columns=columns)) == sql
    assert "TO_CHAR(\"updated_at\" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')" in sql
    assert "TO_CHAR(\"ingest_date\", 'YYYY-MM-DD')" in sql


class _Flaky:
    def __init__(self, *errors):
        self.errors = list(errors)
        self.calls = 0

    def __call__(self):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.mark.parametrize(
    "error",
    [
        StatementError("ERROR:  1023\nDETAIL:  Serializable isolation violation on table - 100"),
        StatementError("ERROR: could not serialize access", sqlstate="40001"),
        StatementError("ERROR: conflict with concurrent transaction"),
        ConnectionLostError("server closed the connection unexpectedly"),
    ],
)
def test_retry_conflicts_passes_when_the_conflict_is_over(error):
    action, pauses = _Flaky(error, error), []
    assert retry_conflicts(action, sleep=pauses.append) == "done"
    assert action.calls == 3
    assert all(0 < pause <= 2 for pause in pauses)


@pytest.mark.parametrize(
    "message", ["ERROR: column 1023a does not exist", "ERROR: the stage holds 1023 rows, not 7"]
)
def test_retry_conflicts_other_error_is_raised_at_once(message):
    action = _Flaky(StatementError(message))
    with pytest.raises(StatementError):
        retry_conflicts(action, sleep=lambda _: None)
    assert action.calls == 1


def test_retry_conflicts_gives_up():
    conflicts = [StatementError("1023") for _ in range(10)]
    action = _Flaky(*conflicts)
    with pytest.raises(StatementError):
        retry_conflicts(action, max_attempts=3, sleep=lambda _: None)
    assert action.calls == 3
