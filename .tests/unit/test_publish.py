"""Publishing: the catalogue is made what the contract says, and Athena's count must agree."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import date
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from parquet_samples import sales_contract

from aws.athena import QueryFailedError, QueryResult, QueryTimeoutError, ResultColumn
from aws.glue.catalog import Changes, create_or_update_table, get_table, set_partitions
from etl import queries
from etl.athena_ddl import partition_inputs, table_input
from etl.errors import ConservationError, QueryError, UsageError
from etl.model import Type
from etl.named_queries import list_queries, load_query
from etl.publish import publish
from etl.queries import render, run_named_query
from etl.settings import Settings, load_settings

RUN_DATE = date(2026, 1, 1)
CONTRACT = sales_contract()


@pytest.fixture
def settings() -> Settings:
    return load_settings("local")


@pytest.fixture
def glue() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("glue", region_name="us-east-1")
        client.create_database(DatabaseInput={"Name": "etl_test"})
        yield client


@pytest.fixture
def athena(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What Athena was asked; `rows` and `error` are what it answers."""
    asked: dict[str, Any] = {"rows": 3, "error": None}

    def run_query(client: Any, **request: Any) -> QueryResult:
        asked.update(request)
        if asked["error"]:
            raise asked["error"]
        return QueryResult(
            query_execution_id="q-1",
            columns=(ResultColumn(name="row_count", type="bigint"),),
            rows=((asked["rows"],),),
            bytes_scanned=77,
        )

    monkeypatch.setattr(queries, "run_query", run_query)
    return asked


def publish_run(glue: Any, settings: Settings, **changes: Any) -> Any:
    request = {"contract": CONTRACT, "run_date": RUN_DATE, "expected_rows": 3, "files": []}
    request |= changes
    return publish(glue=glue, athena=None, settings=settings, **request)  # type: ignore[arg-type]


def partitions(glue: Any) -> list[Any]:
    pages = glue.get_paginator("get_partitions").paginate(
        DatabaseName="etl_test", TableName="sales"
    )
    return [each for page in pages for each in page["Partitions"]]


def versions(glue: Any) -> int:
    return len(glue.get_table_versions(DatabaseName="etl_test", TableName="sales")["TableVersions"])


def test_publish_first_time_creates_table_and_partition_and_counts(
    glue: Any, athena: dict[str, Any], settings: Settings
) -> None:
    found = publish_run(glue, settings)
    assert (found.rows, found.table, found.bytes_scanned) == (3, "etl_test.sales", 77)
    assert found.location == "s3://processed/processed/shop/sales/ingest_date=2026-01-01/"
    assert athena["parameters"] == {"run_date": RUN_DATE}
    assert athena["workgroup"] == settings.athena.workgroup
    table = get_table(glue, database="etl_test", name="sales")
    assert table and table["PartitionKeys"] == [{"Name": "ingest_date", "Type": "date"}]
    [partition] = partitions(glue)
    assert partition["Values"] == ["2026-01-01"]
    assert partition["StorageDescriptor"]["Location"] == found.location


def test_publish_again_changes_nothing(
    glue: Any, athena: dict[str, Any], settings: Settings
) -> None:
    assert publish_run(glue, settings) == publish_run(glue, settings)
    assert versions(glue) == 1
    assert len(partitions(glue)) == 1


def test_publish_newer_contract_updates_table_and_partition(
    glue: Any, athena: dict[str, Any], settings: Settings
) -> None:
    publish_run(glue, settings)
    wider = dataclasses.replace(CONTRACT.columns[1], type=Type(kind="integer", bits=64))
    columns = (CONTRACT.columns[0], wider, *CONTRACT.columns[2:])
    publish_run(glue, settings, contract=sales_contract(columns=columns, version="1.1.0"))
    table = get_table(glue, database="etl_test", name="sales")
    [partition] = partitions(glue)
    assert table and versions(glue) == 2
    for found in (table, partition):
        assert found["StorageDescriptor"]["Columns"][1]["Type"] == "bigint"


def test_publish_another_count_is_a_conservation_error(
    glue: Any, athena: dict[str, Any], settings: Settings
) -> None:
    athena["rows"] = 4
    with pytest.raises(ConservationError, match="Athena counts 4 rows .* the run ended with 3"):
        publish_run(glue, settings)


def test_publish_without_the_database_says_so(
    glue: Any, athena: dict[str, Any], settings: Settings
) -> None:
    glue.delete_database(Name="etl_test")
    with pytest.raises(QueryError, match="has no database etl_test"):
        publish_run(glue, settings)


def test_create_or_update_table_says_what_it_did(glue: Any) -> None:
    table = table_input(CONTRACT)
    assert get_table(glue, database="etl_test", name="sales") is None
    assert [
        create_or_update_table(glue, database="etl_test", table=table),
        create_or_update_table(glue, database="etl_test", table=table),
        create_or_update_table(glue, database="etl_test", table=table | {"Description": "new"}),
    ] == ["created", "unchanged", "updated"]


def test_set_partitions_changes_only_what_differs(glue: Any) -> None:
    create_or_update_table(glue, database="etl_test", table=table_input(CONTRACT))
    place: dict[str, Any] = {"database": "etl_test", "table": "sales"}
    other = {"expression": "ingest_date = '2025-12-31'"}
    [earlier] = partition_inputs(CONTRACT, date(2025, 12, 31), [])
    set_partitions(glue, **place, **other, partitions=[earlier])
    place["expression"] = "ingest_date = '2026-01-01'"
    [partition] = partition_inputs(CONTRACT, RUN_DATE, [])
    marked: Any = partition | {"Parameters": {"a": "b"}}
    assert [
        set_partitions(glue, **place, partitions=[partition]),
        set_partitions(glue, **place, partitions=[partition]),
        set_partitions(glue, **place, partitions=[marked]),
        set_partitions(glue, **place, partitions=[]),
    ] == [
        Changes(created=1, updated=0, deleted=0),
        Changes(created=0, updated=0, deleted=0),
        Changes(created=0, updated=1, deleted=0),
        Changes(created=0, updated=0, deleted=1),
    ]
    assert [each["Values"] for each in partitions(glue)] == [["2025-12-31"]]


def test_set_partitions_refusal_is_raised_and_being_late_is_not(glue: Any) -> None:
    create_or_update_table(glue, database="etl_test", table=table_input(CONTRACT))
    [partition] = partition_inputs(CONTRACT, RUN_DATE, [])
    place: dict[str, Any] = {"database": "etl_test", "table": "sales"}
    unseen = {"expression": "ingest_date = '1999-01-01'"}
    set_partitions(glue, **place, **unseen, partitions=[partition])
    late = set_partitions(glue, **place, **unseen, partitions=[partition])
    assert late == Changes(created=1, updated=1, deleted=0)
    answer = {
        "Errors": [
            {
                "PartitionValues": ["2026-01-01"],
                "ErrorDetail": {"ErrorCode": "AccessDeniedException", "ErrorMessage": "no"},
            }
        ]
    }
    glue.batch_create_partition = lambda **_: answer
    with pytest.raises(ClientError, match="AccessDenied.*partition 2026-01-01: no"):
        set_partitions(glue, **place, **unseen, partitions=[partition])


def test_publish_by_further_columns_registers_what_has_files_and_drops_the_rest(
    glue: Any, athena: dict[str, Any], settings: Settings
) -> None:
    changes = {"contract": sales_contract(partition_columns=("status", "line")), "glue": glue}
    many = [f"{folder}line={n}/part-0" for n in range(150) for folder in [by_folder("placed")]]
    first = publish_run(settings=settings, files=many, **changes)
    assert first.partitions == len(partitions(glue)) == 150
    assert first.location == "s3://processed/processed/shop/sales/ingest_date=2026-01-01/"
    kept = [f"{by_folder('placed')}line=7/{name}" for name in ("part-0", "part-1")]
    odd = [f"{by_folder('pa%2Fid')}line=__HIVE_DEFAULT_PARTITION__/part-0"]
    other_day = [each.replace("2026-01-01", "2026-01-02") for each in kept]
    publish_run(settings=settings, files=other_day, run_date=date(2026, 1, 2), **changes)
    assert publish_run(settings=settings, files=kept + odd, **changes).partitions == 2
    found = {tuple(each["Values"]): each["StorageDescriptor"] for each in partitions(glue)}
    assert {
        values: each["Location"].removeprefix(first.location) for values, each in found.items()
    } == {
        ("2026-01-01", "placed", "7"): "status=placed/line=7/",
        ("2026-01-01", "pa/id", "__HIVE_DEFAULT_PARTITION__"): (
            "status=pa%2Fid/line=__HIVE_DEFAULT_PARTITION__/"
        ),
        ("2026-01-02", "placed", "7"): other_day[0].removesuffix("part-0"),
    }
    table = get_table(glue, database="etl_test", name="sales")
    assert table and [(key["Name"], key["Type"]) for key in table["PartitionKeys"]] == [
        ("ingest_date", "date"),
        ("status", "string"),
        ("line", "int"),
    ]
    assert publish_run(settings=settings, files=[], **changes).partitions == 0
    assert len(partitions(glue)) == 1


def by_folder(status: str) -> str:
    return f"s3://processed/processed/shop/sales/ingest_date=2026-01-01/status={status}/"


def test_publish_over_a_table_of_other_keys_is_refused(
    glue: Any, athena: dict[str, Any], settings: Settings
) -> None:
    publish_run(glue, settings)
    with pytest.raises(QueryError, match="is partitioned by ingest_date date, .*, status string"):
        publish_run(glue, settings, contract=sales_contract(partition_columns=("status",)))
    assert versions(glue) == 1


@pytest.mark.parametrize(
    "error",
    [
        QueryFailedError("q-1", "FAILED", "SYNTAX_ERROR: line 1"),
        QueryTimeoutError("SYNTAX_ERROR"),
        ClientError(
            {"Error": {"Code": "InvalidRequestException", "Message": "SYNTAX_ERROR"}},
            "StartQueryExecution",
        ),
    ],
)
def test_run_named_query_failure_names_the_file_and_athenas_words(
    athena: dict[str, Any], settings: Settings, error: Exception
) -> None:
    athena["error"] = error
    with pytest.raises(QueryError, match="athena/inspect.sql.*SYNTAX_ERROR"):
        run_named_query(
            None,  # type: ignore[arg-type]
            "inspect",
            contract=CONTRACT,
            settings=settings,
            parameters={"run_date": RUN_DATE},
        )


def test_run_named_query_reads_texts_as_the_declared_types(
    athena: dict[str, Any], settings: Settings
) -> None:
    texts = {"first_date": "2026-01-01", "last_date": "2026-01-31", "target": "totals"}
    run_named_query(
        None,  # type: ignore[arg-type]
        "ctas_daily_totals",
        contract=CONTRACT,
        settings=settings,
        parameters=texts,
    )
    assert athena["parameters"] == {"first_date": RUN_DATE, "last_date": date(2026, 1, 31)}
    assert 'CREATE TABLE "etl_test"."totals"' in athena["sql"]
    assert athena["database"] == "etl_test"


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("nothing", {}, 'there is no query "nothing"'),
        ("inspect", {}, "got the parameters none"),
        ("inspect", {"run_date": "x", "more": "y"}, "got the parameters more, run_date"),
        ("inspect", {"run_date": "yesterday"}, "run_date: 'yesterday' is no date"),
        (
            "ctas_daily_totals",
            {"first_date": RUN_DATE, "last_date": RUN_DATE, "target": 't" AS SELECT 1 --'},
            "is no Athena identifier",
        ),
    ],
)
def test_run_named_query_wrong_use_is_refused(
    athena: dict[str, Any],
    settings: Settings,
    name: str,
    parameters: dict[str, Any],
    message: str,
) -> None:
    with pytest.raises(UsageError, match=message):
        run_named_query(
            None,  # type: ignore[arg-type]
            name,
            contract=CONTRACT,
            settings=settings,
            parameters=parameters,
        )
    assert "sql" not in athena


@pytest.mark.parametrize("name", list_queries())
def test_every_query_says_what_it_does_and_renders_completely(name: str) -> None:
    query = load_query(name)
    assert query.description
    identifiers = {key: "x" for key, kind in query.parameters.items() if kind == "identifier"}
    text = render(query, CONTRACT, identifiers)
    assert "{" not in text
    values = set(query.parameters) - set(identifiers)
    assert {each for each in values if f":{each}" not in text} == set()


def test_render_name_that_nothing_fills_in_is_refused() -> None:
    query = dataclasses.replace(load_query("inspect"), sql="SELECT {secret}")
    with pytest.raises(UsageError, match="uses {secret}, which nothing fills in"):
        render(query, CONTRACT)
