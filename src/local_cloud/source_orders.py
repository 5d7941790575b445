"""The demo shop's orders: any date's, the same whenever they are asked for.

A record depends on nothing but its date and its position in the day, so a page in the middle of a
million rows costs no more than the first one. On purpose, a few records of every day are

- bad, one in 64: each kind in `BAD` in turn, so that a day of 2,000 has every one of them;
- duplicates, one in 100: the key of the record 50 before, in one of four ways (`DUPLICATES`);
- late, one in 50: ordered up to three days before the day that reports them.

No record is two of these. A key never occurs on two dates.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import blake2b

DEFAULT_ROWS = 2_000

_BAD_EVERY, _BAD_AT = 64, 41
_DUPLICATE_EVERY, _DUPLICATE_AT, _DUPLICATE_OF = 100, 88, 50
_LATE_EVERY, _LATE_AT = 50, 16

# What is wrong, the field it is in (None: all of the record), and the field's JSON text.
BAD: dict[str, tuple[str | None, str]] = {
    "key is null": ("order_id", "null"),
    "key is a number": ("order_id", "42"),
    "customer is no object": ("customer", '"Zoë Ångström"'),
    "customer id is text": ("customer", '{"id":"7","name":"Li","country":"SE"}'),
    "customer id is a fraction": ("customer", '{"id":7.0,"name":"Li","country":"SE"}'),
    "customer id is too large": (
        "customer",
        '{"id":9223372036854775808,"name":"Li","country":"SE"}',
    ),
    "customer id is missing": ("customer", '{"name":"Li","country":"SE"}'),
    "name is too long in bytes": (
        "customer",
        '{"id":7,"name":"' + "ö" * 101 + '","country":"SE"}',
    ),
    "name holds NUL": ("customer", '{"id":7,"name":"Li\\u0000","country":"SE"}'),
    "country is one letter": ("customer", '{"id":7,"name":"Li","country":"S"}'),
    "note holds half a character": ("note", '"\\ud83d"'),
    "status is unknown": ("status", '"teleported"'),
    "currency is null": ("currency", "null"),
    "subtotal is negative": ("subtotal", "-1.00"),
    "subtotal has too many decimals": ("subtotal", "12.345"),
    "subtotal is too large": ("subtotal", "12345678901.00"),
    "subtotal is a word": ("subtotal", '"twelve"'),
    "subtotal is an exponent as text": ("subtotal", '"1e3"'),
    "discount is above subtotal": ("discount", "999999.00"),
    "shipping is a boolean": ("shipping", "true"),
    "is_gift is text": ("is_gift", '"yes"'),
    "order date does not exist": ("order_date", '"2026-02-30"'),
    "order date is in the future": ("order_date", '"9999-12-31"'),
    "delivered before ordered": ("delivery_date", '"1000-01-01"'),
    "ordered_at has no zone": ("ordered_at", '"2026-01-01T09:15:27"'),
    "ordered_at is a number": ("ordered_at", "1767258927"),
    "updated_at has seven digits": ("updated_at", '"2026-01-01T09:15:27.1234567Z"'),
    "items is no array": ("items", '{"sku":"SKU-0001","quantity":1,"unit_price":1.00}'),
    "quantity is text": ("items", '[{"sku":"SKU-0001","quantity":"7","unit_price":1.00}]'),
    "items is null": ("items", "null"),
    "not an object": (None, '"an order, honestly"'),
}
_BAD = tuple(BAD.values())

# How a duplicate differs from the record it repeats. Its time is written in a zone in which
# comparing the text would choose the wrong one.
DUPLICATES = ("newer", "older", "same time", "identical")

_NAMES = tuple(
    json.dumps(name, ensure_ascii=False)
    for name in (
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
        "Jean-Luc d'Été",
        "Ola 🎁 Nordmann",
    )
)
_NOTES = tuple(
    json.dumps(note, ensure_ascii=False)
    for note in (
        "",
        "Leave at the door",
        "Ring twice;\nthe dog is friendly",
        'Say "hi" — naïve café ☕',
        "Robert'); DROP TABLE orders;--",
        "tab\there, back\\slash, pipe|",
        "שלום",
        "👩‍👩‍👧‍👦 family pack",
        "NULL",
        " spaces around ",
    )
) + ('"caf\\u00e9 in escapes"',)
_PLACES = (  # country, currency, zone
    ("SE", "SEK", "+01:00"),
    ("DE", "EUR", "+02:00"),
    ("GB", "GBP", "Z"),
    ("US", "USD", "-05:00"),
    ("JP", "JPY", "+09:00"),
    ("IN", "INR", "+05:30"),
)
_STATUSES = ("placed", "paid", "shipped", "delivered", "cancelled")
_NUMBERS = struct.Struct("<16H")


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What a run over a day must come to."""

    extracted: int
    quarantined: int
    deduplicated: int
    loaded: int


def expected_counts(rows: int) -> Counts:
    """The counts of a day with so many records, whatever the date."""
    bad = len(range(_BAD_AT, rows, _BAD_EVERY))
    duplicates = len(range(_DUPLICATE_AT, rows, _DUPLICATE_EVERY))
    return Counts(
        extracted=rows,
        quarantined=bad,
        deduplicated=duplicates,
        loaded=rows - bad - duplicates,
    )


def iter_orders(day: date, start: int, stop: int) -> Iterator[str]:
    """The JSON texts of a day's records from position `start` up to `stop`."""
    for position in range(start, stop):
        yield _record(day, position)


def bad_order(day: date, position: int, kind: int) -> str:
    """A record that is bad in the nth way of `BAD`."""
    field, text = _BAD[kind % len(_BAD)]
    return text if field is None else _render(_order(day, position) | {field: text})


def render_order(day: date, position: int, **fields: str) -> str:
    """An order with some fields' JSON texts replaced or added."""
    return _render(_order(day, position) | fields)


def _record(day: date, position: int) -> str:
    if position % _BAD_EVERY == _BAD_AT:
        return bad_order(day, position, position // _BAD_EVERY)
    if position % _DUPLICATE_EVERY == _DUPLICATE_AT:
        return _duplicate(day, position)
    return _render(_order(day, position))


def _duplicate(day: date, position: int) -> str:
    original = _order(day, position - _DUPLICATE_OF)
    kind = DUPLICATES[position // _DUPLICATE_EVERY % len(DUPLICATES)]
    if kind == "newer":  # 21:30 UTC, after every order's time
        original |= {"updated_at": f'"{day}T16:30:00-05:00"', "status": '"shipped"'}
    elif kind == "older":  # 13:30 UTC, before every order's time
        original |= {"updated_at": f'"{day}T22:30:00+09:00"', "status": '"placed"'}
    elif kind == "same time":
        original |= {"note": '"sent twice in the same microsecond"'}
    return _render(original)


def _render(fields: dict[str, str]) -> str:
    return "{" + ",".join([f'"{name}":{text}' for name, text in fields.items()]) + "}"


def _order(day: date, position: int) -> dict[str, str]:
    """A good order: each field's JSON text."""
    key = f"{day}/{position}".encode()
    n = _NUMBERS.unpack(blake2b(key, digest_size=32).digest())
    country, currency, zone = _PLACES[n[0] % len(_PLACES)]
    customer = 1000 + n[1] % 9000
    email = "null" if n[2] % 10 == 0 else f'"customer{customer}@example.com"'
    status = _STATUSES[n[3] % len(_STATUSES)]
    cents, items = _items(n[4], n[5], n[6])
    late = 1 + n[7] % 3 if position % _LATE_EVERY == _LATE_AT else 0
    ordered = _add_days(day, -late) if late else day
    fields = {
        "order_id": f'"ORD-{str(day).replace("-", "")}-{position + 1:06d}"',
        "customer": f'{{"id":{customer},"name":{_NAMES[n[8] % len(_NAMES)]},'
        f'"email":{email},"country":"{country}"}}',
        "status": f'"{status}"',
        "currency": f'"{currency}"',
        "subtotal": _subtotal(cents, n[9] % 20),
        "discount": _money(cents * (n[10] % 20) // 100) if n[10] % 5 == 0 else "null",
        "shipping": f'"{_money(n[11] % 2000)}"',
        "is_gift": "true" if n[12] % 8 == 0 else "false",
        "order_date": f'"{ordered}"',
        "delivery_date": (
            f'"{_add_days(ordered, 1 + n[13] % 9)}"' if status != "placed" else "null"
        ),
        "ordered_at": f'"{ordered}T{n[14] % 12:02d}:{n[15] % 60:02d}:27.{n[13]:06d}{zone}"',
        "updated_at": f'"{day}T{17 + n[2] % 4}:{n[14] % 60:02d}:{n[15] % 59:02d}.{n[8]:06d}Z"',
        "note": _NOTES[n[12] % len(_NOTES)] if n[6] % 2 else "null",
        "items": items,
    }
    if n[10] % 7 == 1:
        del fields["discount"]  # a field that is missing means what null means
    return fields


def _items(*numbers: int) -> tuple[int, str]:
    """One to three lines of an order, and their sum in cents."""
    total = 0
    lines = []
    for number in numbers[: 1 + numbers[0] % 3]:
        quantity = 1 + number % 5
        cents = 50 + number % 19_950
        total += quantity * cents
        lines.append(
            f'{{"sku":"SKU-{number % 500:04d}","quantity":{quantity},"unit_price":{_money(cents)}}}'
        )
    return total, f"[{','.join(lines)}]"


def _add_days(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError:  # the calendar's first and last days
        return day


def _subtotal(cents: int, form: int) -> str:
    """As APIs send decimals: a number, at times as text, at times with zeros at its end."""
    if form == 0:
        return f'"{_money(cents)}"'
    return _money(cents) + ("0" if form == 1 else "")


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
