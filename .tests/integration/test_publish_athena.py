"""Publishing on the embedded cloud: catalogue, partitions and the queries of athena/, for real."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aws.athena import run_query
from etl import hive, keys
from etl.contracts import load_contract
from etl.errors import ConservationError, QueryError
from etl.model import LINEAGE_COLUMNS, Contract
from etl.publish import PublishResult, publish
from etl.queries import run_named_query
from etl.settings import load_settings
from etl.validation.arrow_schema import arrow_schema, file_schema

Client = Callable[[str], Any]
SETTINGS = load_settings("local")
DAYS = (date(2031, 5, 1), date(2031, 5, 2))


@pytest.fixture(scope="module")
def contract() -> Contract:
    """The orders contract in a table and at a place of its own."""
    orders = load_contract("orders", settings=SETTINGS)
    places = dataclasses.replace(
        orders.places,
        processed=f"s3://{SETTINGS.buckets.processed}/test/published/",
        catalog_table="published_orders",
    )
    return dataclasses.replace(orders, places=places)


def order(number: int, day: date) -> dict[str, Any]:
    moment = datetime(day.year, day.month, day.day, 12, 0, 0, 123456, tzinfo=timezone.utc)
    return {
        "order_id": f"ORD-{day:%Y%m%d}-{number:06d}",
        "customer_id": number,
        "customer_name": "Zoë Ångström",
        "customer_email": None,
        "country": "SE",
        "status": "paid" if number % 2 else "placed",
        "currency": "EUR",
        "subtotal": Decimal("100.00"),
        "discount": None,
        "shipping": Decimal("4.90"),
        "is_gift": False,
        "order_date": day,
        "delivery_date": None,
        "ordered_at": moment,
        "updated_at": moment,
        "note": "it's “quoted”",
        "items": [{"sku": "SKU-1", "quantity": 2, "unit_price": Decimal("50.00")}],
        "total_amount": Decimal("104.90"),
    }


def put_rows(client: Client, contract: Contract, day: date, rows: int) -> None:
    """Replace a day's processed files by one of so many rows, or by none."""
    bucket, prefix = keys.parse_s3_uri(keys.processed_uri(contract, day))
    s3 = client("s3")
    s3.delete_object(Bucket=bucket, Key=f"{prefix}part-0.parquet")
    if rows:
        table = pa.Table.from_pylist([order(n, day) for n in range(rows)], arrow_schema(contract))
        sink = io.BytesIO()
        pq.write_table(table, sink)
        s3.put_object(Bucket=bucket, Key=f"{prefix}part-0.parquet", Body=sink.getvalue())


def publish_day(client: Client, contract: Contract, day: date, rows: int) -> PublishResult:
    return publish(
        glue=client("glue"),
        athena=client("athena"),
        contract=contract,
        run_date=day,
        settings=SETTINGS,
        files=[],
        expected_rows=rows,
    )


@pytest.fixture(scope="module")
def published(client: Client, contract: Contract) -> Contract:
    """Two days: five rows and three."""
    for day, rows in zip(DAYS, (5, 3), strict=True):
        put_rows(client, contract, day, rows)
        assert publish_day(client, contract, day, rows).rows == rows
    return contract


def query(client: Client, name: str, contract: Contract, **parameters: Any) -> Any:
    return run_named_query(
        client("athena"), name, contract=contract, settings=SETTINGS, parameters=parameters
    )


def test_publish_again_counts_what_lies_there_then(client: Client, published: Contract) -> None:
    day = DAYS[1]
    put_rows(client, published, day, 4)
    with pytest.raises(ConservationError, match="Athena counts 4 rows .* the run ended with 3"):
        publish_day(client, published, day, 3)
    put_rows(client, published, day, 3)
    assert publish_day(client, published, day, 3).rows == 3


def test_publish_empty_day_counts_nothing(client: Client, published: Contract) -> None:
    assert publish_day(client, published, date(2031, 5, 3), 0).rows == 0


def test_inspect_gives_a_days_rows_with_their_types(client: Client, published: Contract) -> None:
    found = query(client, "inspect", published, run_date=DAYS[0])
    [row] = [each for each in found.to_dicts() if each["order_id"] == "ORD-20310501-000001"]
    assert len(found.rows) == 5
    assert [column.name for column in found.columns] == [
        *(column.name for column in published.columns),
        published.partition,
    ]
    assert row["total_amount"] == Decimal("104.90")
    assert (row["order_date"], row["ingest_date"]) == (DAYS[0], DAYS[0])
    assert (row["customer_id"], row["is_gift"], row["discount"]) == (1, False, None)
    assert (row["customer_name"], row["note"]) == ("Zoë Ångström", "it's “quoted”")
    assert row["updated_at"].replace(microsecond=0) == datetime(2031, 5, 1, 12)
    assert found.to_arrow().num_rows == 5


def test_daily_totals_add_up(client: Client, published: Contract) -> None:
    found = query(client, "daily_totals", published, first_date=DAYS[0], last_date="2031-05-02")
    totals = [(row["ingest_date"], row["status"], row["orders"]) for row in found.to_dicts()]
    assert totals == [
        (DAYS[0], "paid", 2),
        (DAYS[0], "placed", 3),
        (DAYS[1], "paid", 1),
        (DAYS[1], "placed", 2),
    ]
    assert sum(row["revenue"] for row in found.to_dicts()) == 8 * Decimal("104.90")


def test_ctas_makes_a_table_that_can_be_queried(client: Client, published: Contract) -> None:
    days = {"first_date": DAYS[0], "last_date": DAYS[1]}
    query(client, "ctas_daily_totals", published, target="published_totals", **days)
    made = client("glue").get_table(DatabaseName=SETTINGS.glue.database, Name="published_totals")
    names = [column["Name"] for column in made["Table"]["StorageDescriptor"]["Columns"]]
    assert names == ["ingest_date", "status", "currency", "orders", "revenue"]
    with pytest.raises(QueryError, match="(?i)exist"):
        query(client, "ctas_daily_totals", published, target="published_totals", **days)


def test_create_and_repair_bring_back_a_lost_table(client: Client, published: Contract) -> None:
    glue, places = client("glue"), published.places
    place = {"DatabaseName": places.catalog_database, "Name": places.catalog_table}
    before = glue.get_table(**place)["Table"]
    glue.delete_table(**place)
    query(client, "create_table", published)
    query(client, "repair_partitions", published)
    after = glue.get_table(**place)["Table"]
    columns = [
        [(column["Name"], column["Type"]) for column in table["StorageDescriptor"]["Columns"]]
        for table in (before, after)
    ]
    assert columns[0] == columns[1]
    assert [key["Name"] for key in after["PartitionKeys"]] == ["ingest_date"]
    assert query(client, "row_count", published, run_date=DAYS[0]).rows == ((5,),)
    assert publish_day(client, published, DAYS[1], 3).rows == 3


def test_publish_by_further_columns_makes_them_columns_of_athena(
    client: Client, contract: Contract
) -> None:
    by_status = dataclasses.replace(
        contract,
        columns=(*contract.columns, *LINEAGE_COLUMNS.values()),
        partition_columns=("status", "order_date"),
        places=dataclasses.replace(
            contract.places,
            processed=f"s3://{SETTINGS.buckets.processed}/test/by_status/",
            catalog_table="orders_by_status",
        ),
    )
    s3, day = client("s3"), DAYS[0]
    folders = [("paid", day), ("a b/c%=ü", day), (None, DAYS[1])]
    prefix = keys.processed_uri(by_status, day)
    bucket, key = keys.parse_s3_uri(prefix)
    rows = [order(n, day) | {"_source_file": f"s3://b/{n}"} for n in range(4)]
    body = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, file_schema(by_status)), body)
    files = []
    for status, ordered in folders:
        folder = hive.folder(by_status, {"status": status, "order_date": ordered})
        s3.put_object(Bucket=bucket, Key=f"{key}{folder}part-0", Body=body.getvalue().to_pybytes())
        files.append(f"{prefix}{folder}part-0")

    def publish_files(uris: list[str]) -> PublishResult:
        return publish(
            glue=client("glue"),
            athena=client("athena"),
            contract=by_status,
            run_date=day,
            settings=SETTINGS,
            files=uris,
            expected_rows=4 * len(uris),
        )

    def statuses() -> set[tuple[Any, ...]]:
        found = run_query(
            client("athena"),
            sql="SELECT status, order_date, ingest_date, max(_source_file), count(_ingested_at)"
            " FROM orders_by_status WHERE order_date IS NOT NULL GROUP BY 1, 2, 3",
            workgroup=SETTINGS.athena.workgroup,
            database=SETTINGS.glue.database,
        )
        return set(found.rows)

    assert publish_files(files).rows == 12
    every = {(status, ordered, day, "s3://b/3", 0) for status, ordered in folders}
    assert statuses() == every
    first = query(client, "inspect", by_status, run_date=day).to_dicts()[0]
    assert list(first)[-3:] == ["ingest_date", "status", "order_date"]
    # What was lost comes back by its folders, and a partition without files goes.
    client("glue").delete_table(
        DatabaseName=SETTINGS.glue.database, Name=by_status.places.catalog_table
    )
    query(client, "create_table", by_status)
    query(client, "repair_partitions", by_status)
    assert statuses() == every
    assert publish_files(files[:1]).rows == 4
    assert statuses() == {("paid", day, day, "s3://b/3", 0)}


def test_query_of_a_table_that_is_missing_says_what_athena_said(
    client: Client, contract: Contract
) -> None:
    places = dataclasses.replace(contract.places, catalog_table="no_such_table")
    missing = dataclasses.replace(contract, places=places)
    with pytest.raises(QueryError, match="no_such_table"):
        query(client, "row_count", missing, run_date=DAYS[0])


def test_query_in_a_workgroup_that_is_missing_is_explained(
    client: Client, published: Contract
) -> None:
    athena = SETTINGS.athena.model_copy(update={"workgroup": "nobodys"})
    with pytest.raises(QueryError, match="(?i)workgroup"):
        run_named_query(
            client("athena"),
            "row_count",
            contract=published,
            settings=SETTINGS.model_copy(update={"athena": athena}),
            parameters={"run_date": DAYS[0]},
        )
