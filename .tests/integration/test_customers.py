"""The customers example: after each run the warehouse is what the shop's database was.

Rows are inserted, updated, come late and are deleted between the runs of consecutive dates, in
SQLite and in a real PostgreSQL.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from support.access_log import stands_for
from support.pipeline_runs import Bench
from support.plain_postgres import PASSWORD, USER, run_postgres

from etl.settings import load_settings
from etl.state import state_prefix
from local_cloud.shop_database import CUSTOMERS, TABLE

ENGINE = "duckdb"
Row = dict[str, Any]
MONDAY, TUESDAY, WEDNESDAY = (date(2025, 3, day) for day in (10, 11, 12))
LOOKBACK = timedelta(minutes=60)  # as the contract says
STATE = state_prefix(load_settings("local").buckets.artifacts, "customers")


def at(day: date, time: str) -> datetime:
    return datetime.fromisoformat(f"{day}T{time}+00:00")


@dataclass
class Shop:
    """A customers table, and what is known to be in it.

    Attributes:
        environ: The variables that lead a run to it.
        dropped: Customers that the contract does not accept.
    """

    engine: Engine
    environ: Mapping[str, str]
    rows: dict[int, Row] = field(default_factory=dict)
    dropped: set[int] = field(default_factory=set)

    def put(self, number: int, updated_at: datetime, **changes: Any) -> None:
        """Insert or update a customer."""
        row = self.rows.get(number) or {
            "customer_id": number,
            "email": f"{number}@example.com",
            "full_name": "Zoë 'Ångström' 李",
            "country": "SE",
            "language": None,
            "is_vip": number % 2 == 0,
            "credit_limit": Decimal("1234.50") * number,
            "loyalty_points": number,
            "birth_date": date(1990, 1, 31),
            "note": "line\nbreak \\ ☕",
            "created_at": updated_at,
        }
        self.delete(number)
        self.rows[number] = row | changes | {"updated_at": updated_at}
        stored = {name: self._stored(value) for name, value in self.rows[number].items()}
        values = ", ".join(f":{name}" for name in stored)
        with self.engine.begin() as connection:
            connection.execute(text(f"INSERT INTO customers VALUES ({values})"), stored)

    def delete(self, number: int) -> None:
        """Delete a customer, if there is one."""
        self.rows.pop(number, None)
        with self.engine.begin() as connection:
            connection.execute(
                text("DELETE FROM customers WHERE customer_id = :number"), {"number": number}
            )

    def expected(self, day: date) -> list[tuple[Any, ...]]:
        """What a warehouse shows after the run of a day."""
        end = at(day + timedelta(days=1), "00:00")
        return [
            tuple(row.values())
            for number, row in sorted(self.rows.items())
            if row["updated_at"] < end and number not in self.dropped
        ]

    def changed(self, day: date) -> int:
        """How many rows changed on a day or in the lookback before it."""
        begin, end = at(day, "00:00") - LOOKBACK, at(day + timedelta(days=1), "00:00")
        return sum(begin <= row["updated_at"] < end for row in self.rows.values())

    def _stored(self, value: Any) -> Any:
        if self.engine.dialect.name == "postgresql":
            return value
        if isinstance(value, datetime):
            return value.replace(tzinfo=None).isoformat(" ")
        return str(value) if isinstance(value, (date, Decimal)) else value


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(
    request: pytest.FixtureRequest, tmp_path: Path, client: Callable[[str], Any]
) -> Iterator[Shop]:
    """An empty shop; the cloud's state of customers is as it was when the test is over."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'shop.sqlite'}"
        made = Shop(create_engine(url), {"ETL_PLACES__SHOP_DATABASE_URL": url})
        with made.engine.begin() as connection:
            connection.execute(text(TABLE))
        yield made
    else:
        with run_postgres(tmp_path) as port:
            yield _postgres_shop(port, client("secretsmanager"))
    bucket, _, prefix = STATE.removeprefix("s3://").partition("/")
    for day in (MONDAY, TUESDAY, WEDNESDAY):
        client("s3").delete_object(Bucket=bucket, Key=f"{prefix}{day}.json")


def _postgres_shop(port: int, secrets: Any) -> Shop:
    secret = f"shop-{uuid.uuid4().hex[:8]}"
    stands_for(secret, load_settings("local").places["shop_api_secret"])
    secrets.create_secret(
        Name=secret, SecretString=f'{{"username": "{USER}", "password": "{PASSWORD}"}}'
    )
    server = f"127.0.0.1:{port}/postgres"
    engine = create_engine(f"postgresql+psycopg2://{USER}:{PASSWORD}@{server}?sslmode=disable")
    with engine.begin() as connection:
        connection.execute(text(TABLE.replace("TIMESTAMP", "TIMESTAMPTZ")))
    return Shop(
        engine,
        {
            "ETL_PLACES__SHOP_DATABASE_URL": f"postgresql://{server}",
            "ETL_PLACES__SHOP_DATABASE_SECRET": secret,
        },
    )


def test_warehouse_follows_the_shops_database(make_bench: Callable[[], Bench], shop: Shop) -> None:
    bench = make_bench()

    def run(day: date, *options: str, shows: date | None = None) -> dict[str, Any]:
        report = bench.run_json(str(day), "--dataset", "customers", *options, environ=shop.environ)
        columns = ", ".join(next(iter(shop.rows.values())))
        found = bench.query(f"SELECT {columns} FROM {{s}}.customers ORDER BY customer_id")
        assert [_in_utc(row) for row in found] == shop.expected(shows or day)
        return report

    for number in range(1, 21):
        shop.put(number, at(MONDAY - timedelta(days=number % 5), "12:00"))
    shop.put(21, at(MONDAY, "23:59:59.999999"), credit_limit=None, full_name="")
    shop.put(22, at(TUESDAY, "00:00"), is_vip=True)
    shop.put(23, at(MONDAY, "12:00"), country="Sweden")
    shop.dropped = {23}
    monday = run(MONDAY)
    assert monday["rows"]["extracted"] == 22
    assert monday["rows"]["quarantined"] == 1

    for number in (1, 2, 22):
        shop.put(number, at(TUESDAY, "08:00:00.5"), credit_limit=Decimal("0.01"), note="")
    shop.put(24, at(TUESDAY, "23:59:59"))
    shop.put(25, at(MONDAY, "23:30"))  # late: its transaction committed after Monday's run
    for number in (3, 4, 21):
        shop.delete(number)
    tuesday = run(TUESDAY)
    assert tuesday["rows"]["extracted"] == shop.changed(TUESDAY) == 5

    shop.put(3, at(WEDNESDAY, "10:00"), note="back again")
    shop.put(23, at(WEDNESDAY, "10:00"), country="NO")
    shop.dropped = set()
    for number in (5, 24):
        shop.delete(number)
    wednesday = run(WEDNESDAY)
    assert wednesday["rows"]["extracted"] == shop.changed(WEDNESDAY) == 2

    if shop.engine.dialect.name == "sqlite":
        # Of what Tuesday brought, the shop has changed some and deleted some since.
        before = bench.table_hash("customers")
        run(TUESDAY, "--loader", "data-api", shows=WEDNESDAY)
        assert bench.table_hash("customers") == before


def _in_utc(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(each.astimezone(UTC) if isinstance(each, datetime) else each for each in row)


def test_table_without_the_watermark_column_is_refused_and_nothing_moves(
    make_bench: Callable[[], Bench], tmp_path: Path
) -> None:
    bench = make_bench()
    url = f"sqlite:///{tmp_path / 'shop.sqlite'}"
    with create_engine(url).begin() as connection:
        connection.execute(text(TABLE.replace("updated_at", "changed_at")))
    before = bench.state()
    outcome = bench.run(
        str(MONDAY), "--dataset", "customers", environ={"ETL_PLACES__SHOP_DATABASE_URL": url}
    )
    outcome.fails(
        "customers cannot be read for contract customers",
        'it has no watermark "updated_at"',
        "fix: correct the contract",
    )
    assert bench.state() == before


def test_demo_shop_is_where_the_cloud_says(cloud: Mapping[str, str]) -> None:
    engine = create_engine(cloud["ETL_PLACES__SHOP_DATABASE_URL"])
    with engine.connect() as connection:
        found = connection.execute(text("SELECT COUNT(*) FROM customers"))
        assert found.scalar() == CUSTOMERS
