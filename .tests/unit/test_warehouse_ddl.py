"""Tables as the contract wants them, and the way there from tables that exist."""

import dataclasses
import pickle

import pytest
from warehouse_samples import change_column, make_contract

from aws.redshift.errors import StatementError
from etl.errors import WarehouseError
from etl.model import Column, Type
from etl.warehouse.ddl import create_table, plan_changes
from etl.warehouse.migrate import migrate
from etl.warehouse.tables import ledger_table, superseded_table, target_table, warehouse_tables


def _existing(contract):
    return {table.name: table.columns for table in warehouse_tables(contract)}


def _plan(contract, *, after):
    return plan_changes(warehouse_tables(contract), _existing(after))


def _add_column(contract, **column):
    added = Column(name="colour", type=Type(kind="string", max_bytes=20), **column)
    return dataclasses.replace(contract, columns=(*contract.columns, added))


def test_create_table_every_type_is_mapped():
    assert create_table(target_table(make_contract())) == (
        'CREATE TABLE IF NOT EXISTS "sales"."things" (\n'
        '  "id" VARCHAR(32) NOT NULL,\n'
        '  "small" INTEGER,\n'
        '  "big" BIGINT,\n'
        '  "price" DECIMAL(12,2),\n'
        '  "weight" DOUBLE PRECISION,\n'
        '  "gift" BOOLEAN,\n'
        '  "day" DATE,\n'
        '  "updated_at" TIMESTAMPTZ,\n'
        '  "note" VARCHAR(400),\n'
        '  "items" SUPER,\n'
        '  "ingest_date" DATE NOT NULL,\n'
        '  "_loaded_at" TIMESTAMPTZ NOT NULL,\n'
        '  CONSTRAINT "things__key" PRIMARY KEY ("ingest_date", "id")\n'
        ")\n"
        'SORTKEY ("ingest_date")'
    )


def test_create_table_merge_mode_key_is_the_key_of_all_dates():
    contract = make_contract(load_mode="merge")
    target = create_table(target_table(contract))
    assert 'PRIMARY KEY ("id")' in target
    assert target.endswith('DISTSTYLE KEY DISTKEY ("id")\nSORTKEY ("id")')
    superseded = create_table(superseded_table(contract))
    assert 'PRIMARY KEY ("ingest_date", "id")' in superseded
    assert superseded.endswith('DISTSTYLE KEY DISTKEY ("id")\nSORTKEY ("ingest_date")')


def test_plan_changes_empty_warehouse_creates_schema_and_all_tables():
    contract = make_contract(load_mode="merge")
    statements = plan_changes(warehouse_tables(contract), {}, schema_exists=False)
    assert [statement.split(" (")[0] for statement in statements] == [
        'CREATE SCHEMA IF NOT EXISTS "sales"',
        'CREATE TABLE IF NOT EXISTS "sales"."things__ledger"',
        'CREATE TABLE IF NOT EXISTS "sales"."things__superseded"',
        'CREATE TABLE IF NOT EXISTS "sales"."things"',
    ]


def test_plan_changes_tables_that_fit_need_nothing():
    assert _plan(make_contract(), after=make_contract()) == []


def test_plan_changes_new_optional_column_is_added_to_every_row_table():
    before = make_contract(load_mode="merge")
    assert _plan(_add_column(before), after=before) == [
        'ALTER TABLE "sales"."things__superseded" ADD COLUMN "colour" VARCHAR(20)',
        'ALTER TABLE "sales"."things" ADD COLUMN "colour" VARCHAR(20)',
    ]


def test_plan_changes_ledger_of_an_earlier_release_gets_what_it_lacks():
    ledger = ledger_table(make_contract())
    earlier = [column for column in ledger.columns if column.name != "filtered"]
    assert plan_changes([ledger], {ledger.name: earlier}) == [
        'ALTER TABLE "sales"."things__ledger" ADD COLUMN "filtered" BIGINT'
    ]


def test_plan_changes_longer_text_grows():
    before = make_contract()
    after = change_column(before, "note", type=Type(kind="string", max_bytes=800))
    assert _plan(after, after=before) == [
        'ALTER TABLE "sales"."things" ALTER COLUMN "note" TYPE VARCHAR(800)'
    ]


def test_plan_changes_shorter_text_and_stricter_column_leave_the_table():
    before = make_contract()
    shorter = change_column(before, "note", type=Type(kind="string", max_bytes=80))
    assert _plan(change_column(shorter, "small", required=True), after=before) == []


@pytest.mark.parametrize(
    ("change", "what", "fix"),
    [
        (
            lambda c: _add_column(c, required=True),
            "column colour VARCHAR(20) is new and required",
            'ADD COLUMN "colour" VARCHAR(20) DEFAULT <value of the older rows> NOT NULL;',
        ),
        (
            lambda c: dataclasses.replace(c, columns=c.columns[:-1]),
            "column items SUPER is not in the contract",
            'ALTER TABLE "sales"."things" DROP COLUMN "items";',
        ),
        (
            lambda c: change_column(c, "price", type=Type(kind="decimal", precision=18, scale=2)),
            "column price is DECIMAL(12,2) in the table and DECIMAL(18,2) in the contract",
            'RENAME COLUMN "price__new" TO "price";',
        ),
        (
            lambda c: change_column(c, "small", type=Type(kind="integer")),
            "column small is INTEGER in the table and BIGINT in the contract",
            'CAST("small" AS BIGINT)',
        ),
        (
            lambda c: change_column(c, "id", required=False),
            "column id is NOT NULL in the table and optional in the contract",
            'ADD COLUMN "id__new" VARCHAR(32);',
        ),
        (
            lambda c: change_column(c, "id", type=Type(kind="string", max_bytes=64)),
            "column id is to grow from VARCHAR(32) to VARCHAR(64), which Redshift does not do",
            'DROP CONSTRAINT "things__key"',
        ),
    ],
)
def test_plan_changes_incompatible_change_is_refused_with_diff_and_fix(change, what, fix):
    before = make_contract()
    with pytest.raises(WarehouseError) as caught:
        _plan(change(before), after=before)
    assert what in caught.value.message
    assert fix in caught.value.fix
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_plan_changes_several_problems_are_all_told():
    before = make_contract()
    after = dataclasses.replace(before, columns=before.columns[:-2])
    with pytest.raises(WarehouseError, match=r"(?s)column items.*column note"):
        _plan(after, after=before)


class _Warehouse:
    """Answers what `migrate` asks; `execute` fails once, after another run did the same."""

    def __init__(self, contract, *, columns=(), last_load=()):
        self.contract, self.columns, self.last_load = contract, list(columns), list(last_load)
        self.executed = []
        self.fails = False

    def query(self, sql):
        if "svv_columns" in sql:
            return self.columns
        return self.last_load if "__ledger" in sql else []

    def execute(self, statement):
        if self.fails:
            raise StatementError("relation already exists", sqlstate="42P07")
        self.executed.append(statement)


def _rows(contract):
    """svv_columns' rows of the contract's tables, for the types that need them."""
    names = {"TIMESTAMPTZ": ("timestamp with time zone", None, None, None)}
    for table in warehouse_tables(contract):
        for column in table.columns:
            kind, _, size = column.type.rstrip(")").partition("(")
            row = names.get(kind, (kind.lower(), None, None, None))
            if kind == "VARCHAR":
                row = ("character varying", int(size), None, None)
            elif kind == "DECIMAL":
                row = ("numeric", None, *map(int, size.split(",")))
            yield table.name, column.name, "YES" if column.nullable else "NO", *row


def test_migrate_reads_every_type_back_and_finds_nothing_to_do():
    contract = make_contract(load_mode="merge")
    warehouse = _Warehouse(contract, columns=_rows(contract), last_load=[("merge", "id")])
    assert migrate(warehouse, contract) == []


@pytest.mark.parametrize("last_load", [("merge", "id"), ("replace", "id,small")])
def test_migrate_another_key_or_load_mode_is_refused(last_load):
    contract = make_contract()
    warehouse = _Warehouse(contract, columns=_rows(contract), last_load=[last_load])
    with pytest.raises(WarehouseError, match="was loaded in"):
        migrate(warehouse, contract)


def test_migrate_statement_that_another_run_did_first_is_no_error():
    contract = make_contract()
    warehouse = _Warehouse(contract)

    def execute(statement):
        warehouse.columns = list(_rows(contract))
        raise StatementError("relation already exists", sqlstate="42P07")

    warehouse.execute = execute
    assert migrate(warehouse, contract) == []


def test_migrate_statement_that_fails_for_itself_is_raised():
    warehouse = _Warehouse(make_contract())
    warehouse.fails = True
    with pytest.raises(StatementError, match="already exists"):
        migrate(warehouse, warehouse.contract)


def test_ledger_table_has_one_row_a_run_date():
    table = ledger_table(make_contract())
    assert table.primary_key == ("run_date",)
    assert {"extracted", "deduplicated", "quarantined", "loaded", "superseded"} <= {
        column.name for column in table.columns
    }
