"""The part that a peer leaves to its user: read the day's records, keep bad ones apart, flatten.

As a careful script does it: json, a check of each record, pandas.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pandas

_KEY = re.compile(r"ORD-[0-9]{8}-[0-9]{6,}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")
_MONEY = re.compile(r"-?[0-9]+([.][0-9]{1,2}0*)?")
_STATUSES = {"placed", "paid", "shipped", "delivered", "cancelled"}
_LETTERS2, _LETTERS3 = re.compile("[A-Z]{2}"), re.compile("[A-Z]{3}")
RUN_DATE = date(2026, 1, 1)


def s3() -> Any:
    """A client of the bench's S3."""
    return boto3.client("s3")


def keep_raw(client: Any, folder: Path, prefix: str) -> None:
    """The files as they came."""
    for path in sorted(folder.iterdir()):
        client.upload_file(str(path), "etl-local-raw", f"{prefix}/{path.name}")


def keep_bad(client: Any, lines: list[str], prefix: str) -> None:
    """The bad records, one file."""
    body = gzip.compress("".join(lines).encode(errors="surrogatepass"), 1)
    client.put_object(Bucket="etl-local-quarantine", Key=f"{prefix}/bad.jsonl.gz", Body=body)


def read_orders(folder: Path) -> tuple[pandas.DataFrame, list[str]]:
    """The good records, the latest of each key, and the bad records' lines."""
    good: list[dict[str, Any]] = []
    bad: list[str] = []
    for path in sorted(folder.iterdir()):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = _row(json.loads(line, parse_float=Decimal))
                if row is None:
                    bad.append(line)
                else:
                    good.append(row)
    frame = pandas.DataFrame(good)
    frame = frame.sort_values("updated_at", kind="stable")
    return frame.drop_duplicates("order_id", keep="last"), bad


def _row(record: Any) -> dict[str, Any] | None:
    """The record flat, or None if it is bad."""
    try:
        customer, items = record["customer"], record["items"]
        subtotal, shipping = _money(record["subtotal"]), _money(record["shipping"])
        discount = None if record.get("discount") is None else _money(record["discount"])
        ordered, delivered = _day(record["order_date"]), record.get("delivery_date")
        row = {
            "order_id": record["order_id"],
            "customer_id": customer["id"],
            "customer_name": _text(customer["name"], 200),
            "customer_email": _text(customer.get("email") or "", 320) or None,
            "country": customer["country"],
            "status": record["status"],
            "currency": record["currency"],
            "subtotal": subtotal,
            "discount": discount,
            "shipping": shipping,
            "is_gift": record["is_gift"],
            "order_date": ordered,
            "delivery_date": None if delivered is None else _day(delivered),
            "ordered_at": _moment(record["ordered_at"]),
            "updated_at": _moment(record["updated_at"]),
            "note": None if record.get("note") is None else _text(record["note"], 4000),
            "items": json.dumps(items, default=float, ensure_ascii=False),
            "total_amount": subtotal - (discount or 0) + shipping,
            "ingest_date": RUN_DATE,
        }
        is_good = (
            _KEY.fullmatch(row["order_id"])
            and type(row["customer_id"]) is int
            and row["customer_id"] < 2**63
            and _LETTERS2.fullmatch(row["country"])
            and row["status"] in _STATUSES
            and _LETTERS3.fullmatch(row["currency"])
            and subtotal >= 0
            and shipping >= 0
            and (discount is None or 0 <= discount <= subtotal)
            and isinstance(row["is_gift"], bool)
            and ordered <= RUN_DATE
            and (row["delivery_date"] is None or row["delivery_date"] >= ordered)
            and isinstance(items, list)
            and all(isinstance(each["quantity"], int) for each in items)
        )
        return row if is_good else None
    except (TypeError, KeyError, ValueError, AttributeError, UnicodeError):
        return None


def _text(value: str, most_bytes: int) -> str:
    if "\0" in value or len(value.encode()) > most_bytes:
        raise ValueError
    return value


def _money(value: Any) -> Decimal:
    if isinstance(value, bool) or not _MONEY.fullmatch(str(value)):
        raise ValueError
    exact = Decimal(value)
    if abs(exact) >= 10**10:
        raise ValueError
    return exact


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _moment(text: str) -> datetime:
    if not _MOMENT.fullmatch(text):
        raise ValueError
    return datetime.fromisoformat(text)


def folder() -> Path:
    """Where the orders are."""
    return Path(os.environ["BENCH_ORDERS"])
