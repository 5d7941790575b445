"""Raw lines for the judge and for the engines that are held against it, with what they mean."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

from support.contracts import make_column, make_contract

from etl.model import Contract, Field, Rule, Source, Type

RUN_DATE = date(2026, 1, 1)

STRING = Type(kind="string", max_bytes=10)
INTEGER = Type(kind="integer", bits=64)
INTEGER_32 = Type(kind="integer", bits=32)
DECIMAL = Type(kind="decimal", precision=5, scale=2)
WIDE_DECIMAL = Type(kind="decimal", precision=38, scale=10)
WHOLE_DECIMAL = Type(kind="decimal", precision=3, scale=0)
DOUBLE = Type(kind="double")
BOOLEAN = Type(kind="boolean")
DATE = Type(kind="date")
TIMESTAMP = Type(kind="timestamp")
ITEM = Type(
    kind="object",
    fields=(
        Field(name="sku", type=STRING, required=True),
        Field(name="count", type=INTEGER_32),
        Field(name="price", type=DECIMAL),
        Field(name="at", type=TIMESTAMP),
        Field(name="day", type=DATE),
        Field(name="weight", type=DOUBLE),
    ),
)

COLUMNS = (
    make_column("id", INTEGER, required=True),
    make_column("text", STRING),
    make_column("number", INTEGER),
    make_column("small", INTEGER_32),
    make_column("amount", DECIMAL),
    make_column("wide", WIDE_DECIMAL),
    make_column("whole", WHOLE_DECIMAL),
    make_column("ratio", DOUBLE),
    make_column("flag", BOOLEAN),
    make_column("day", DATE),
    make_column("at", TIMESTAMP),
    make_column("inner_text", STRING, path=("inner", "text")),
    make_column("inner_number", INTEGER, path=("inner", "number")),
    make_column("items", Type(kind="array", element=ITEM)),
    make_column("tags", Type(kind="array", element=STRING)),
    make_column("counts", Type(kind="array", element=INTEGER_32)),
    make_column("prices", Type(kind="array", element=DECIMAL)),
    make_column("ratios", Type(kind="array", element=DOUBLE)),
    make_column("days", Type(kind="array", element=DATE)),
    make_column(
        "twice",
        Type(kind="decimal", precision=5, scale=2),
        path=(),
        derive=["+", ["col", "amount"], ["col", "amount"]],
    ),
    make_column(
        "loud",
        Type(kind="string", max_bytes=30),
        path=(),
        derive=["call", "upper", ["col", "text"]],
    ),
)
RULES = (
    Rule(name="small_enough", expression=["<", ["col", "small"], ["lit", 100, "integer"]]),
    Rule(name="not_after_run", expression=["<=", ["col", "day"], ["run_date"]]),
)


def json_contract(**changes: Any) -> Contract:
    """A column of every type, from values that JSON types."""
    return make_contract(*COLUMNS, **{"rules": RULES, **changes})


def text_contract() -> Contract:
    """The scalar columns, from values that are all text."""
    columns = [
        column
        for column in COLUMNS
        if column.type.kind != "array" and not column.name.startswith("inner")
    ]
    columns += [
        make_column("us_day", Type(kind="date", format="M/d/yyyy")),
        make_column("local_at", Type(kind="timestamp", format="dd.MM.yyyy HH:mm")),
        replace(make_column("some", INTEGER), value_map={"NA": None, "-": None}),
    ]
    source = Source(kind="file", name="tests", location="things.csv", format="csv")
    return make_contract(*columns, rules=RULES, source=source)


def whole_row(contract: Contract, values: dict[str, Any]) -> dict[str, Any]:
    """Every column of the contract: `values`, what is derived from them, None elsewhere."""
    row = dict.fromkeys(column.name for column in contract.columns) | {"id": 1} | values
    if row["amount"] is not None:
        row["twice"] = 2 * row["amount"]
    if row["text"] is not None:
        row["loud"] = row["text"].upper()
    return row


def utc(*parts: int) -> datetime:
    """A moment in UTC."""
    return datetime(*parts, tzinfo=timezone.utc)  # type: ignore[arg-type]


class Refused(str):
    """The reason that is expected, after the column's name."""


# Column, the value's JSON text, what it becomes.
JSON_VALUES: list[tuple[str, str, Any]] = [
    ("text", '"abc"', "abc"),
    ("text", '""', ""),
    ("text", "null", None),
    ("text", '"5"', "5"),
    ("text", '"-5.0"', "-5.0"),
    ("text", '"true"', "true"),
    ("text", '"null"', "null"),
    ("text", '"[1]"', "[1]"),
    ("text", '"{}"', "{}"),
    ("text", '"\\"a\\""', '"a"'),
    ("text", '"Zo\\u00eb"', "Zoë"),
    ("text", '"ž—☎"', "ž—☎"),
    ("text", '"\\ud83d\\ude00"', "😀"),
    ("text", '"0123456789"', "0123456789"),
    ("text", '"žžžžž"', "žžžžž"),
    ("text", '"a\\nb"', "a\nb"),
    ("text", '"a\\/b"', "a/b"),
    ("text", '" a "', " a "),
    ("text", '"žžžžžž"', Refused('longer than 10 bytes (12), got "žžžžžž"')),
    ("text", '"01234567890"', Refused('longer than 10 bytes (11), got "01234567890"')),
    ("text", "5", Refused("expected string, got 5")),
    ("text", "5.0", Refused("expected string, got 5.0")),
    ("text", "1e999", Refused("expected string, got 1e999")),
    ("text", "true", Refused("expected string, got true")),
    ("text", "{}", Refused("expected string, got an object")),
    ("text", "[]", Refused("expected string, got an array")),
    ("text", '"a\\u0000b"', Refused('holds a NUL character, got "a\\u0000b"')),
    ("text", '"\\ud800"', Refused('holds half a surrogate pair, got "\\ud800"')),
    ("number", "7", 7),
    ("number", "-0", 0),
    ("number", "9223372036854775807", 2**63 - 1),
    ("number", "-9223372036854775808", -(2**63)),
    ("number", "9223372036854775808", Refused("does not fit 64 bits, got 9223372036854775808")),
    ("number", "9" * 5000, Refused("does not fit 64 bits, got " + "9" * 60 + "…")),
    ("number", '"7"', Refused('expected integer, got "7"')),
    ("number", "7.0", Refused("expected integer, got 7.0")),
    ("number", "1e3", Refused("expected integer, got 1e3")),
    ("number", "true", Refused("expected integer, got true")),
    ("number", '""', Refused('expected integer, got ""')),
    ("small", "99", 99),
    ("small", "-2147483648", -(2**31)),
    ("small", "-2147483649", Refused("does not fit 32 bits, got -2147483649")),
    ("small", "2147483648", Refused("does not fit 32 bits, got 2147483648")),
    ("amount", "1.5", Decimal("1.50")),
    ("amount", '"1.5"', Decimal("1.50")),
    ("amount", '"-001.5"', Decimal("-1.50")),
    ("amount", "499.99", Decimal("499.99")),
    ("amount", "1.500000000000000000000000000", Decimal("1.50")),
    ("amount", '"1.500000000000000000000000000"', Decimal("1.50")),
    ("amount", "1e2", Decimal("100.00")),
    ("amount", "15E-1", Decimal("1.50")),
    ("amount", "-0.00", Decimal("0.00")),
    ("amount", "0e999999999", Decimal("0.00")),
    ("amount", "0.1", Decimal("0.10")),
    ("amount", "1000", Refused("does not fit decimal(5,2), got 1000")),
    ("amount", "999.995", Refused("does not fit decimal(5,2), got 999.995")),
    ("amount", "1.005", Refused("does not fit decimal(5,2), got 1.005")),
    ("amount", "1.0000000000000000001", Refused("does not fit decimal(5,2)")),
    ("amount", '"1.0000000000000000001"', Refused("does not fit decimal(5,2)")),
    ("amount", "1e-30", Refused("does not fit decimal(5,2), got 1e-30")),
    ("amount", "1e999999999", Refused("does not fit decimal(5,2), got 1e999999999")),
    ("amount", "1e99999999999999999999", Refused("does not fit decimal(5,2)")),
    ("amount", '"1e2"', Refused('expected decimal, got "1e2"')),
    ("amount", '"+1"', Refused('expected decimal, got "+1"')),
    ("amount", '" 1"', Refused('expected decimal, got " 1"')),
    ("amount", '".5"', Refused('expected decimal, got ".5"')),
    ("amount", '"5."', Refused('expected decimal, got "5."')),
    ("amount", '"1,5"', Refused('expected decimal, got "1,5"')),
    ("amount", '"1,000"', Refused('expected decimal, got "1,000"')),
    ("amount", '"٣"', Refused('expected decimal, got "٣"')),
    ("amount", '""', Refused('expected decimal, got ""')),
    ("amount", "true", Refused("expected decimal, got true")),
    (
        "wide",
        "1234567890123456789012345678.0123456789",
        Decimal("1234567890123456789012345678.0123456789"),
    ),
    ("wide", "0.00000000001", Refused("does not fit decimal(38,10), got 0.00000000001")),
    ("wide", "12345678901234567890123456789", Refused("does not fit decimal(38,10)")),
    ("whole", "999", Decimal(999)),
    ("whole", "5.0", Decimal(5)),
    ("whole", "5.5", Refused("does not fit decimal(3,0), got 5.5")),
    ("ratio", "1.5", 1.5),
    ("ratio", "1", 1.0),
    ("ratio", "-0.0", 0.0),
    ("ratio", "0.1", 0.1),
    ("ratio", "1e-400", 0.0),
    ("ratio", "123456789012345678901234567890", 1.2345678901234568e29),
    ("ratio", "2.2250738585072011e-308", 2.2250738585072011e-308),
    ("ratio", "1e999", Refused("too large for a double, got 1e999")),
    ("ratio", '"1.5"', Refused('expected number, got "1.5"')),
    ("ratio", '"NaN"', Refused('expected number, got "NaN"')),
    ("flag", "true", True),
    ("flag", "false", False),
    ("flag", '"true"', Refused('expected boolean, got "true"')),
    ("flag", "1", Refused("expected boolean, got 1")),
    ("day", '"2026-01-01"', date(2026, 1, 1)),
    ("day", '"2024-02-29"', date(2024, 2, 29)),
    ("day", '"0001-01-01"', date(1, 1, 1)),
    ("day", '"1500-02-28"', date(1500, 2, 28)),
    ("day", '"2025-02-29"', Refused('expected date YYYY-MM-DD, got "2025-02-29"')),
    ("day", '"0000-01-01"', Refused("expected date")),
    ("day", '"2025-1-1"', Refused("expected date")),
    ("day", '"20250101"', Refused("expected date")),
    ("day", '"2025-01-01T00:00:00Z"', Refused("expected date")),
    ("day", '"2025-01-01\\n"', Refused("expected date")),
    ("day", '" 2025-01-01"', Refused("expected date")),
    ("day", "20250101", Refused("expected date YYYY-MM-DD, got 20250101")),
    ("day", '""', Refused("expected date")),
    ("at", '"2026-01-01T09:15:27Z"', utc(2026, 1, 1, 9, 15, 27)),
    ("at", '"2026-01-01T09:15:27.1+02:00"', utc(2026, 1, 1, 7, 15, 27, 100000)),
    ("at", '"2026-01-01T00:00:00.000001-09:30"', utc(2026, 1, 1, 9, 30, 0, 1)),
    ("at", '"1969-12-31T23:59:59.999999Z"', utc(1969, 12, 31, 23, 59, 59, 999999)),
    ("at", '"0002-01-01T00:00:00Z"', utc(2, 1, 1)),
    ("at", '"2026-01-01T09:15:27+23:00"', utc(2025, 12, 31, 10, 15, 27)),
    ("at", '"2026-01-01T09:15:27"', Refused("expected timestamp")),
    ("at", '"2026-01-01 09:15:27Z"', Refused("expected timestamp")),
    ("at", '"2026-01-01T09:15:27.1234567Z"', Refused("expected timestamp")),
    ("at", '"2026-01-01T09:15Z"', Refused("expected timestamp")),
    ("at", '"2026-01-01T24:00:00Z"', Refused("expected timestamp")),
    ("at", '"2026-01-01T09:15:60Z"', Refused("expected timestamp")),
    ("at", '"2026-01-01T09:15:27+0200"', Refused("expected timestamp")),
    ("at", '"2026-01-01T09:15:27 UTC"', Refused("expected timestamp")),
    ("at", '"2026-01-01T09:15:27Europe/Paris"', Refused("expected timestamp")),
    ("at", '"2026-02-30T09:15:27Z"', Refused("expected timestamp")),
    ("at", '"0001-01-01T00:00:00+01:00"', Refused("expected timestamp")),
    ("at", "1767258927", Refused("expected timestamp")),
    ("tags", '["a", null, "5"]', ["a", None, "5"]),
    ("tags", "[]", []),
    ("tags", '["a", 5]', Refused("element 1: expected string, got 5")),
    ("tags", '"a"', Refused('expected array, got "a"')),
    ("tags", "{}", Refused("expected array, got an object")),
    ("counts", "[1, null, -2147483648]", [1, None, -(2**31)]),
    ("counts", "[1, 2147483648]", Refused("element 1: does not fit 32 bits")),
    ("prices", '[1.5, "2", null]', [Decimal("1.50"), Decimal("2.00"), None]),
    ("prices", "[1.005]", Refused("element 0: does not fit decimal(5,2), got 1.005")),
    ("ratios", "[-0.0, 1e3]", [0.0, 1000.0]),
    ("ratios", "[1e999]", Refused("element 0: too large for a double, got 1e999")),
    ("days", '["2026-01-01"]', [date(2026, 1, 1)]),
    ("days", '["2026-13-01"]', Refused("element 0: expected date")),
]

_ITEM = {"sku": None, "count": None, "price": None, "at": None, "day": None, "weight": None}
JSON_VALUES += [
    ("items", "[]", []),
    ("items", "[null]", [None]),
    ("items", '[{"sku": "a", "other": [1]}]', [{**_ITEM, "sku": "a"}]),
    (
        "items",
        '[{"sku": "1", "count": 2, "price": "3.5", "at": "2026-01-01T00:00:00Z",'
        ' "day": "2026-01-01", "weight": 0.5}]',
        [
            {
                "sku": "1",
                "count": 2,
                "price": Decimal("3.50"),
                "at": utc(2026, 1, 1),
                "day": date(2026, 1, 1),
                "weight": 0.5,
            }
        ],
    ),
    ("items", '{"sku": "a"}', Refused("expected array, got an object")),
    ("items", "[5]", Refused("element 0: expected object, got 5")),
    ("items", "[{}]", Refused("element 0: sku: required, but missing or null")),
    ("items", '[{"sku": "a"}, {"sku": null}]', Refused("element 1: sku: required")),
    ("items", '[{"sku": 5}]', Refused("element 0: sku: expected string, got 5")),
    ("items", '[{"sku": "a", "count": 1.0}]', Refused("element 0: count: expected integer")),
    ("items", '[{"sku": "a", "count": 2147483648}]', Refused("element 0: count: does not fit")),
    ("items", '[{"sku": "a", "price": 1.005}]', Refused("element 0: price: does not fit")),
    ("items", '[{"sku": "a", "price": "x"}]', Refused("element 0: price: expected decimal")),
    ("items", '[{"sku": "a", "day": "x"}]', Refused("element 0: day: expected date")),
    ("items", '[{"sku": "a", "weight": 1e999}]', Refused("element 0: weight: too large")),
]

# Column, the CSV field, what it becomes.
TEXT_VALUES: list[tuple[str, str, Any]] = [
    ("text", "abc", "abc"),
    ("text", "5", "5"),
    ("us_day", "1/31/2026", date(2026, 1, 31)),
    ("us_day", "01/31/2026", date(2026, 1, 31)),
    ("us_day", "31/1/2026", Refused('expected date M/d/yyyy, got "31/1/2026"')),
    ("us_day", "2026-01-31", Refused("expected date M/d/yyyy")),
    ("us_day", "", None),
    ("local_at", "31.01.2026 09:15", datetime(2026, 1, 31, 9, 15, tzinfo=timezone.utc)),
    ("local_at", "31.1.2026 09:15", Refused("expected timestamp dd.MM.yyyy HH:mm")),
    ("some", "NA", None),
    ("some", "-", None),
    ("some", "-7", -7),
    ("some", "na", Refused('expected integer, got "na"')),
    ("text", "true", "true"),
    ("text", "", None),
    ("text", "žžžžžž", Refused('longer than 10 bytes (12), got "žžžžžž"')),
    ("text", "a\0", Refused("holds a NUL character")),
    ("number", "7", 7),
    ("number", "-007", -7),
    ("number", "", None),
    ("number", "9223372036854775808", Refused("does not fit 64 bits")),
    ("number", "7.0", Refused('expected integer, got "7.0"')),
    ("number", " 7", Refused('expected integer, got " 7"')),
    ("number", "7\n", Refused("expected integer")),
    ("number", "+7", Refused('expected integer, got "+7"')),
    ("number", "٣", Refused('expected integer, got "٣"')),
    ("number", "1_000", Refused("expected integer")),
    ("small", "2147483648", Refused("does not fit 32 bits")),
    ("amount", "1.5", Decimal("1.50")),
    ("amount", "1.5000", Decimal("1.50")),
    ("amount", "0001.5", Decimal("1.50")),
    ("amount", "-0", Decimal("0.00")),
    ("amount", "1.005", Refused("does not fit decimal(5,2)")),
    ("amount", "1000", Refused("does not fit decimal(5,2)")),
    ("amount", "1e2", Refused('expected decimal, got "1e2"')),
    ("amount", "1,5", Refused('expected decimal, got "1,5"')),
    ("ratio", "1.5e3", 1500.0),
    ("ratio", "-0", 0.0),
    ("ratio", "1e999", Refused("too large for a double")),
    ("ratio", "nan", Refused('expected number, got "nan"')),
    ("ratio", "inf", Refused('expected number, got "inf"')),
    ("ratio", "1d", Refused('expected number, got "1d"')),
    ("ratio", "1_0", Refused('expected number, got "1_0"')),
    ("flag", "TRUE", True),
    ("flag", "False", False),
    ("flag", "", None),
    ("flag", "yes", Refused('expected boolean, got "yes"')),
    ("flag", "t", Refused('expected boolean, got "t"')),
    ("flag", "1", Refused('expected boolean, got "1"')),
    ("day", "2026-01-01", date(2026, 1, 1)),
    ("day", "01/02/2025", Refused("expected date")),
    ("at", "2026-01-01T09:15:27Z", utc(2026, 1, 1, 9, 15, 27)),
    ("at", "2026-01-01 09:15:27", Refused("expected timestamp")),
]


def _both(reason: str) -> list[str]:
    return [f"inner_{each}: {reason.format(each)}" for each in ("text", "number")]


# Lines of the JSON contract, and all the reasons against them.
REFUSED_LINES: list[tuple[str, list[str]]] = [
    ("", ["record: not valid JSON: Expecting value at character 1"]),
    ("   ", ["record: not valid JSON: Expecting value at character 4"]),
    ("hello", ["record: not valid JSON: Expecting value at character 1"]),
    ("null", ["record: expected one JSON object, got null"]),
    ("5", ["record: expected one JSON object, got 5"]),
    ('"x"', ['record: expected one JSON object, got "x"']),
    ('[{"id": 1}]', ["record: expected one JSON object, got an array"]),
    ('{"id": 1', ["record: not valid JSON: Expecting ',' delimiter at character 9"]),
    ('{"id": 1}{"id": 2}', ["record: not valid JSON: Extra data at character 10"]),
    ('{"id": 1} {"id": 2}', ["record: not valid JSON: Extra data at character 11"]),
    ('{"id": 1}} x', ["record: not valid JSON: Extra data at character 10"]),
    ('{"id": 1},"end":true}', ["record: not valid JSON: Extra data at character 10"]),
    ('{"id": 1} garbage', ["record: not valid JSON: Extra data at character 11"]),
    ('{"id": 1}//', ["record: not valid JSON: Extra data at character 10"]),
    ('{"id": 01}', ["record: not valid JSON: Expecting ',' delimiter at character 9"]),
    ('{"id": NaN}', ["record: not valid JSON: NaN is no JSON number"]),
    ('{"id": 1, "other": NaN}', ["record: not valid JSON: NaN is no JSON number"]),
    ('{"id": 1, "other": -Infinity}', ["record: not valid JSON: -Infinity is no JSON number"]),
    ('{"_invalid_utf8_base64": "/w=="}', ["record: not UTF-8"]),
    ('{"id": 1, "_invalid_utf8_base64": "/w=="}', ["record: not UTF-8"]),
    ("{}", ["id: required, but missing or null"]),
    ('{"id": null}', ["id: required, but missing or null"]),
    ('{"ID": 1}', ["id: required, but missing or null"]),
    ('{"id": 1, "inner": 5}', _both("expected object around {}, got 5")),
    ('{"id": 1, "inner": []}', _both("expected object around {}, got an array")),
    ('{"id": 1, "inner": ""}', _both('expected object around {}, got ""')),
    ('{"id": 1, "inner": {"text": 5}}', ["inner_text: expected string, got 5"]),
    (
        '{"id": "1", "flag": 0, "amount": 1.005}',
        [
            'id: expected integer, got "1"',
            "amount: does not fit decimal(5,2), got 1.005",
            "flag: expected boolean, got 0",
        ],
    ),
    ('{"id": 1, "amount": 900}', ["twice: does not fit decimal(5,2), got 1800.00"]),
    ('{"id": 1, "small": 100}', ["rule small_enough: is not met"]),
    (
        '{"id": 1, "small": 100, "day": "2026-01-02"}',
        ["rule small_enough: is not met", "rule not_after_run: is not met"],
    ),
]

# Lines of the JSON contract that are accepted, and what they set beside id 1.

ACCEPTED_LINES: list[tuple[str, dict[str, Any]]] = [
    ('{"id": 1}', {}),
    (' {"id" :\t1 }\r', {}),
    ('{"id": 2, "id": 1}', {}),
    ('{"id": "x", "id": 1}', {}),
    ('{"id": 1, "text": "a", "text": null}', {}),
    ('{"\\u0069d": 1}', {}),
    ('{"id": 1, "other": {"text": 5, "amount": "x", "deep": [[[{}]]]}}', {}),
    ('{"id": 1, "other": ' + "9" * 5000 + "}", {}),
    ('{"id": 1, "other": 1e99999999999999999999}', {}),
    ('{"id": 1, "TEXT": "a", "": 5}', {}),
    ('{"id": 1, "inner": null}', {}),
    ('{"id": 1, "inner": {"text": "a"}, "inner": {"number": 2}}', {"inner_number": 2}),
    ('{"id": 1, "inner": {"text": "5"}, "text": "a"}', {"inner_text": "5", "text": "a"}),
    ('{"id": 1, "text": "\\"tags\\": 5"}', {"text": '"tags": 5', "loud": None}),
    (r'{"id": 1, "text": "\"tags\": 5"}', {"text": '"tags": 5'}),
    ('{"id": 1, "text": "straße"}', {"text": "straße"}),
    ('{"id": 1, "text": "\ua7c1"}', {"text": "\ua7c1"}),  # Java 17 does not know its capital
    ('{"id": 1, "amount": 1.25}', {"amount": Decimal("1.25")}),
    ('{"id": 1, "_invalid_utf8_base64": null}', {}),
]
