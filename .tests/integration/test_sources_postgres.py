"""A real PostgreSQL as a source: values, pages, snapshots, windows and errors."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws
from support.contracts import make_column, make_contract
from support.plain_postgres import PASSWORD, USER, execute, run_postgres
from support.source_contexts import STATE_PREFIX, source_context
from support.sql_shops import MUCH_LATER, make_state, records

from etl.errors import SourceError
from etl.judge import Accepted, judge_line
from etl.model import Contract, Source, Type
from etl.sources.records import SourceContext
from etl.sources.sql import open_reader, open_sql
from etl.state import write_progress

DAY = date(2026, 1, 5)
IDLE = getattr(socket, "TCP_KEEPIDLE", None) or socket.TCP_KEEPALIVE  # macOS's
NEXT = DAY + timedelta(days=1)
STRING, INTEGER, TIMESTAMP = (
    Type(kind="string", max_bytes=200),
    Type(kind="integer"),
    Type(kind="timestamp"),
)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server with the schema `shop`."""
    with run_postgres(tmp_path_factory.mktemp("postgres")) as port:
        execute(port, "CREATE SCHEMA shop")
        yield port


@pytest.fixture(scope="module")
def aws() -> Iterator[tuple[Any, Any]]:
    """Clients of S3 and Secrets Manager that lead to nobody's cloud."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        with mock_aws():
            yield make_state(), boto3.client("secretsmanager", region_name="us-east-1")


@pytest.fixture
def shop(port: int, aws: tuple[Any, Any]) -> Iterator[Database]:
    """The server, with no state kept of it."""
    made = Database(port, *aws)
    yield made
    for each in made.s3.list_objects_v2(Bucket="test-artifacts").get("Contents", []):
        made.s3.delete_object(Bucket="test-artifacts", Key=each["Key"])
    made.secrets.delete_secret(SecretId="shop", ForceDeleteWithoutRecovery=True)


class Database:
    """Tables in the schema, and what a run reads of them."""

    def __init__(self, port: int, s3: Any, secrets: Any) -> None:
        self.port, self.s3, self.secrets = port, s3, secrets
        login = {"username": USER, "password": PASSWORD}
        secrets.create_secret(Name="shop", SecretString=json.dumps(login))

    def run(self, *statements: str) -> None:
        execute(self.port, *statements)

    def contract(self, *columns: Any, key: tuple[str, ...] = ("id",), **options: Any) -> Contract:
        source = Source(
            kind="sql",
            name="shop",
            location=f"postgresql://127.0.0.1:{self.port}/postgres",
            format="json",
            options={"secret": "shop", **options},
        )
        return make_contract(*columns, primary_key=key, load_mode="merge", source=source)

    def context(self, run_date: date = DAY) -> SourceContext:
        return source_context(run_date, s3=self.s3, secretsmanager=self.secrets)

    def read(self, contract: Contract, run_date: date = DAY) -> list[dict[str, Any]]:
        """The run date's rows; its progress is kept, as after a run that succeeds."""
        opened = open_sql(contract, self.context(run_date), now=lambda: MUCH_LATER)
        found = records(opened.items)
        write_progress(self.s3, STATE_PREFIX, run_date, opened.progress())
        return found


# SQL type, the contract's, the value in SQL, and what becomes of it
VALUES: tuple[tuple[str, Type, str, Any], ...] = (
    (
        "numeric(38,10)",
        Type(kind="decimal", precision=38, scale=10),
        "1234567890123456789.0123456789",
        "=",
    ),
    ("numeric", Type(kind="decimal", precision=12, scale=2), "'NaN'", "NaN"),
    ("double precision", Type(kind="double"), "0.1", 0.1),
    ("real", Type(kind="double"), "'Infinity'", "inf"),
    ("bigint", INTEGER, "-9223372036854775808", -(2**63)),
    ("boolean", Type(kind="boolean"), "true", True),
    ("date", Type(kind="date"), "'2026-01-31'", "2026-01-31"),
    ("date", Type(kind="date"), "'infinity'", "infinity"),
    (
        "timestamptz",
        TIMESTAMP,
        "'2026-01-31 10:00:00.000001+09'",
        "2026-01-31T01:00:00.000001+00:00",
    ),
    ("timestamptz", TIMESTAMP, "'infinity'", "infinity"),
    ("timestamp", TIMESTAMP, "'2026-07-01 10:00:00'", "2026-07-01T10:00:00+02:00"),
    ("timestamp", TIMESTAMP, "'0044-03-15 10:00:00 BC'", "0044-03-15 10:00:00 BC"),
    ("text", STRING, "'Zoë ☕' || chr(10)", "Zoë ☕\n"),
    (
        "uuid",
        STRING,
        "'00000000-0000-0000-0000-00000000000a'",
        "00000000-0000-0000-0000-00000000000a",
    ),
    ("interval", STRING, "'1 day 02:00'", "1 day 02:00:00"),
    ("inet", STRING, "'127.0.0.1/8'", "127.0.0.1/8"),
    ("text[]", Type(kind="array", element=STRING), "array['a', null]", ["a", None]),
    ("jsonb", Type(kind="array", element=INTEGER), "'[1, 2]'", [1, 2]),
)


def test_values_become_json_exactly(shop: Database) -> None:
    shop.run("DROP TABLE IF EXISTS shop.kinds")
    columns = ", ".join(f"c{i} {each[0]}" for i, each in enumerate(VALUES))
    shop.run(f"CREATE TABLE shop.kinds (id int PRIMARY KEY, {columns})")
    shop.run(f"INSERT INTO shop.kinds VALUES (1, {', '.join(each[2] for each in VALUES)})")
    shop.run("INSERT INTO shop.kinds VALUES (2)")
    contract = shop.contract(
        make_column("id", INTEGER, required=True),
        *(make_column(f"c{i}", each[1]) for i, each in enumerate(VALUES)),
        table="shop.kinds",
        time_zone="Europe/Berlin",
    )
    (block,) = open_sql(contract, shop.context()).items
    assert not isinstance(block, bytes) and hasattr(block, "data")
    full, empty = block.data.decode().splitlines()
    assert '"c0":1234567890123456789.0123456789,' in full
    found = json.loads(full, parse_float=lambda text: "=" if len(text) > 20 else float(text))
    assert [found[f"c{i}"] for i in range(len(VALUES))] == [each[3] for each in VALUES]
    assert isinstance(judge_line(empty, contract, DAY), Accepted)


def test_bytes_are_kept_with_a_reason(shop: Database) -> None:
    shop.run("DROP TABLE IF EXISTS shop.photos")
    shop.run("CREATE TABLE shop.photos (id int, photo bytea)")
    shop.run("INSERT INTO shop.photos VALUES (1, '\\x00ff')")
    contract = shop.contract(
        make_column("id", INTEGER, required=True), make_column("photo", STRING), table="shop.photos"
    )
    (found,) = shop.read(contract)
    assert found["_malformed"].startswith("column photo holds")
    assert base64.b64decode(found["photo"]) == b"\x00\xff"


@pytest.mark.parametrize("batch_rows", [1, 3, 1000])
def test_pages_cover_composite_keys_of_every_kind_once(shop: Database, batch_rows: int) -> None:
    shop.run(
        "DROP TABLE IF EXISTS shop.parts",
        "CREATE TABLE shop.parts"
        " (a uuid, b numeric, c date, at timestamptz, PRIMARY KEY (a, b, c))",
        "INSERT INTO shop.parts"
        " SELECT md5((i % 3)::text)::uuid, i / 2.0, date '2026-01-01' + i % 2,"
        " timestamptz '2026-01-01 00:00+00' + (i / 4) * interval '1 microsecond'"
        " FROM generate_series(1, 20) AS i",
        "INSERT INTO shop.parts VALUES (md5('x')::uuid, 0, '2026-01-01', NULL)",
    )
    contract = shop.contract(
        make_column("a", STRING, required=True),
        make_column("b", Type(kind="decimal", precision=9, scale=2), required=True),
        make_column("c", Type(kind="date"), required=True),
        make_column("at", TIMESTAMP),
        key=("a", "b", "c"),
        table="shop.parts",
        watermark="at",
        batch_rows=batch_rows,
    )
    found = shop.read(contract)
    assert len({each["b"] for each in found}) == len(found) == 21
    times = [each["at"] or "last" for each in found]
    assert times == sorted(times)
    contract = dataclasses.replace(contract, detect_deletes=True)
    opened = open_sql(contract, shop.context())
    records(opened.items)
    assert opened.keys
    assert len({each["b"] for each in records(opened.keys())}) == 21


def test_rows_and_keys_are_of_one_snapshot(shop: Database) -> None:
    shop.run(
        "DROP TABLE IF EXISTS shop.stock",
        "CREATE TABLE shop.stock (id int PRIMARY KEY, n int, at timestamp NOT NULL)",
        "INSERT INTO shop.stock SELECT i, 0, '2026-01-05 10:00' FROM generate_series(1, 5) AS i",
    )
    columns = [make_column(name, INTEGER) for name in ("id", "n")]
    contract = shop.contract(*columns, table="shop.stock", watermark="at", batch_rows=2)
    contract = dataclasses.replace(contract, detect_deletes=True)
    opened = open_sql(contract, shop.context())
    first = next(opened.items)
    shop.run("UPDATE shop.stock SET n = 1, at = '2026-01-05 11:00'", "DELETE FROM shop.stock")
    found = records(iter([first, *opened.items]))
    assert found == [{"id": i, "n": 0} for i in range(1, 6)]
    assert opened.keys
    assert records(opened.keys()) == [{"id": i} for i in range(1, 6)]
    shop.run("DROP TABLE shop.stock")  # nothing holds it any longer


@pytest.mark.parametrize(
    ("kind", "zone", "times"),
    [
        ("timestamptz", "UTC", ("2026-01-05 23:59:59.999999+00", "2026-01-06 09:00+09")),
        ("timestamp", "America/New_York", ("2026-01-05 18:59:59", "2026-01-05 19:00")),
        ("date", "Asia/Tokyo", ("2026-01-05", "2026-01-06")),
    ],
)
def test_windows_of_every_kind_of_time(
    shop: Database, kind: str, zone: str, times: tuple[str, str]
) -> None:
    shop.run("DROP TABLE IF EXISTS shop.t", f"CREATE TABLE shop.t (id int PRIMARY KEY, at {kind})")
    for i, each in enumerate(times):
        shop.run(f"INSERT INTO shop.t VALUES ({i}, '{each}')")
    contract = shop.contract(
        make_column("id", INTEGER), table="shop.t", watermark="at", time_zone=zone
    )
    assert shop.read(contract) == [{"id": 0}]
    assert shop.read(contract, NEXT) == [{"id": 1}]
    assert shop.read(contract, NEXT + timedelta(days=1)) == []


def test_reader_goes_on_from_a_position_until_a_time(shop: Database) -> None:
    shop.run(
        "DROP TABLE IF EXISTS shop.log",
        "CREATE TABLE shop.log (id uuid PRIMARY KEY, at timestamptz NOT NULL)",
        "INSERT INTO shop.log SELECT md5(i::text)::uuid, '2026-01-05 10:00+00'"
        " FROM generate_series(1, 5) AS i",
    )
    contract = shop.contract(
        make_column("id", STRING), table="shop.log", watermark="at", batch_rows=2
    )
    reader = open_reader(contract, shop.context())
    found = list(reader.batches(after=None))
    assert [each.lines.rows for each in found] == [2, 2, 1]
    position = json.loads(json.dumps(found[0].position))
    assert list(reader.batches(after=position)) == found[1:]
    shop.run("INSERT INTO shop.log VALUES (md5('x')::uuid, '2026-01-05 10:00:01+00')")
    until = datetime(2026, 1, 5, 10, 0, 1, tzinfo=UTC)
    assert list(reader.batches(after=found[-1].position, until=until)) == []
    assert len(list(reader.batches(after=found[-1].position))) == 1


def test_errors_name_the_thing_and_never_the_password(shop: Database) -> None:
    shop.run("DROP TABLE IF EXISTS shop.secret", "CREATE TABLE shop.secret (id int PRIMARY KEY)")
    column = make_column("id", INTEGER)
    with pytest.raises(SourceError, match='no table or view shop.secrets, did you mean "secret"'):
        shop.read(shop.contract(column, table="shop.secrets"))
    with pytest.raises(SourceError, match='it has no watermark "updated_at"'):
        shop.read(shop.contract(column, table="shop.secret", watermark="updated_at"))
    shop.run("CREATE VIEW shop.broken AS SELECT 1 / (id - 1) AS id FROM shop.secret")
    shop.run("INSERT INTO shop.secret VALUES (1)")
    with pytest.raises(SourceError, match="did not answer a query: division by zero"):
        shop.read(shop.contract(column, table="shop.broken"))
    wrong = json.dumps({"username": USER, "password": "battery staple"})
    shop.secrets.put_secret_value(SecretId="shop", SecretString=wrong)
    with pytest.raises(SourceError, match="password authentication failed") as caught:
        shop.read(shop.contract(column, table="shop.secret"))
    assert "battery" not in str(caught.value)
    assert "check the secret shop" in caught.value.fix


def test_silent_connection_is_kept_alive(shop: Database) -> None:
    reader = open_reader(shop.contract(make_column("id", INTEGER), table="shop.t"), shop.context())
    with reader._database.snapshot() as connection:
        descriptor = os.dup(connection.connection.driver_connection.fileno())
        with socket.socket(fileno=descriptor) as found:
            assert found.getsockopt(socket.IPPROTO_TCP, IDLE) == 30
