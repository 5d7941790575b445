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
from aws.glue.catalog import create_or_update_table, get_partition, get_table, put_partition
from etl import queries
from etl.athena_ddl import partition_input, table_input
from etl.errors import ConservationError, QueryError, UsageError
from etl.model import Type
from etl.publish import publish
from etl.queries import list_queries, load_query, render, run_named_query
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
    request = {"contract": CONTRACT, "run_date": RUN_DATE, "expected_rows": 3} | changes
    return publish(glue=glue, athena=None, settings=settings, **request)  # type: ignore[arg-type]


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
    partition = get_partition(glue, database="etl_test", table="sales", values=["2026-01-01"])
    assert partition and partition["StorageDescriptor"]["Location"] == found.location


def test_publish_again_changes_nothing(
    glue: Any, athena: dict[str, Any], settings: Settings
) -> None:
    assert publish_run(glue, settings) == publish_run(glue, settings)
    assert versions(glue) == 1
    partitions = glue.get_partitions(DatabaseName="etl_test", TableName="sales")["Partitions"]
    assert len(partitions) == 1


def test_publish_newer_contract_updates_table_and_partition(
    glue: Any, athena: dict[str, Any], settings: Settings
) -> None:
    publish_run(glue, settings)
    wider = dataclasses.replace(CONTRACT.columns[1], type=Type(kind="integer", bits=64))
    columns = (CONTRACT.columns[0], wider, *CONTRACT.columns[2:])
    publish_run(glue, settings, contract=sales_contract(columns=columns, version="1.1.0"))
    table = get_table(glue, database="etl_test", name="sales")
    partition = get_partition(glue, database="etl_test", table="sales", values=["2026-01-01"])
    assert table and partition and versions(glue) == 2
    for found in (table, partition):
        assert found["StorageDescriptor"]["Columns"][1]["Type"] == "bigint"


def test_publish_another_count_is_a_conservation_error(
    glue: Any, athena: dict[str, Any], settings: Settings
) -> None:
    athena["rows"] = 4
    with pytest.raises(ConservationError, match="Athena counts 4 rows .* the warehouse took 3"):
        publish_run(glue, settings)


def test_publish_without_the_database_says_so(
    glue: Any, athena: dict[str, Any], settings: Settings
) -> None:
    glue.delete_database(Name="etl_test")
    with pytest.raises(QueryError, match="has no database etl_test"):
        publish_run(glue, settings)


def test_catalog_says_what_it_did(glue: Any) -> None:
    table, partition = table_input(CONTRACT), partition_input(CONTRACT, RUN_DATE)
    assert get_table(glue, database="etl_test", name="sales") is None
    place: dict[str, Any] = {"database": "etl_test", "table": "sales", "partition": partition}
    assert [
        create_or_update_table(glue, database="etl_test", table=table),
        create_or_update_table(glue, database="etl_test", table=table),
        create_or_update_table(glue, database="etl_test", table=table | {"Description": "new"}),
        put_partition(glue, **place),
        put_partition(glue, **place),
        put_partition(glue, **place | {"partition": partition | {"Parameters": {"a": "b"}}}),
    ] == ["created", "unchanged", "updated"] * 2


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
