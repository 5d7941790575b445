"""The demo shop's database: customers in SQLite, the same whenever they are made.

Most were created and last updated in December 2025 and January 2026. On purpose one in 40 is bad:
each kind in `BAD` in turn.
"""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from local_cloud.context import Cloud

CUSTOMERS = 400

TABLE = """
CREATE TABLE customers (
  customer_id INTEGER PRIMARY KEY,
  email TEXT,
  full_name TEXT,
  country TEXT,
  language TEXT,
  is_vip BOOLEAN,
  credit_limit DECIMAL(12, 2),
  loyalty_points INTEGER,
  birth_date DATE,
  note TEXT,
  created_at TIMESTAMP,
  updated_at TIMESTAMP NOT NULL
)
"""
_INDEX = "CREATE INDEX customers_updated ON customers (updated_at, customer_id)"

# What is wrong: the column and what it holds.
BAD: dict[str, tuple[str, Any]] = {
    "email is missing": ("email", None),
    "name is too long in bytes": ("full_name", "ö" * 101),
    "name is not UTF-8": ("full_name", b"Zo\xeb"),
    "country is a word": ("country", "Sweden"),
    "is_vip is neither 0 nor 1": ("is_vip", 2),
    "credit limit has too many decimals": ("credit_limit", 12.345),
    "credit limit is negative": ("credit_limit", -1),
    "points are a fraction": ("loyalty_points", 7.5),
    "birth date does not exist": ("birth_date", "1990-02-30"),
    "created_at is a number": ("created_at", 1767258927),
}
_BAD_EVERY, _BAD_AT = 40, 17

_SEED = 20260101
_FIRST_DAY, _DAYS = datetime(2025, 12, 1), 50
_NAMES = (
    "Zoë Ångström",
    "Íñigo Núñez",
    "李小龙",
    "Σοφία Παπαδοπούλου",
    "محمد علي",
    "Seán O'Brien",
    'Anna "Annie" Weiß',
    "Łukasz Żółć",
    "Nguyễn Thị Hương",
    "Ada Lovelace",
)
_PLACES = (("SE", "sv"), ("ES", "es"), ("DE", "de"), ("GR", "el"), ("IE", "en"), ("JP", "ja"))
_NOTES = (None, None, "", "Prefers post\nto e-mail", "naïve café ☕", "Robert'); DROP TABLE x;--")


def provide_shop_database(cloud: Cloud) -> None:
    """Make the database in the cloud's home unless it is there, and tell runs where it is."""
    path = cloud.home / "shop.sqlite"
    if not path.exists():
        write_shop_database(path)
    cloud.exports["ETL_PLACES__SHOP_DATABASE_URL"] = f"sqlite:///{path}"


def write_shop_database(path: Path) -> None:
    """Make the database, whole or not at all."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(unfinished)) as connection, connection:
        connection.execute(TABLE)
        connection.execute(_INDEX)
        rows = make_customers()
        values = ", ".join(_placeholder(name) for name in rows[0])
        connection.executemany(f"INSERT INTO customers VALUES ({values})", rows)
    unfinished.replace(path)


def make_customers() -> list[dict[str, Any]]:
    """The customers, by number."""
    rng = random.Random(_SEED)
    return [_customer(number, rng) for number in range(1, CUSTOMERS + 1)]


def is_bad(number: int) -> bool:
    """Whether a customer breaks the contract."""
    return number % _BAD_EVERY == _BAD_AT


def _customer(number: int, rng: random.Random) -> dict[str, Any]:
    country, language = rng.choice(_PLACES)
    created = _FIRST_DAY + timedelta(seconds=rng.randrange(_DAYS * 86_400))
    updated = created
    if rng.random() < 0.5:
        updated += timedelta(microseconds=rng.randrange(10 * 86_400 * 10**6))
    row: dict[str, Any] = {
        "customer_id": number,
        "email": f"customer{number}@example.com",
        "full_name": rng.choice(_NAMES),
        "country": country,
        "language": language if rng.random() < 0.9 else None,
        "is_vip": int(rng.random() < 0.1),
        "credit_limit": rng.randrange(0, 1_000_000) / 100 if rng.random() < 0.8 else None,
        "loyalty_points": rng.randrange(5_000),
        "birth_date": None,
        "note": rng.choice(_NOTES),
        "created_at": str(created),
        "updated_at": str(updated),
    }
    if rng.random() < 0.7:
        row["birth_date"] = str(date(1940, 1, 1) + timedelta(days=rng.randrange(24_000)))
    if is_bad(number):
        column, value = tuple(BAD.values())[number // _BAD_EVERY % len(BAD)]
        row[column] = value
    return row


def _placeholder(name: str) -> str:
    # A value of bytes is text in no encoding; for text the cast changes nothing.
    return f"CAST(:{name} AS TEXT)" if name == "full_name" else f":{name}"
