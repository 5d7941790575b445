"""Raw lines under contracts that tidy, map, filter and partition, with what they mean."""

from __future__ import annotations

from typing import Any

from support.contracts import make_column, make_contract

from etl.judge import Accepted, Filtered, Rejected, Verdict
from etl.model import Contract, Field, Rule, Source, Type

_TEXT, _NUMBER = Type(kind="string", max_bytes=10), Type(kind="integer")
_ITEM = Type(
    kind="object",
    fields=(Field(name="item_code", type=_TEXT, required=True), Field(name="note", type=_TEXT)),
)
# As etl.contracts compiles them.
_ID, _SIZE = ["integer", ["col", "id"], 19], ["integer", ["col", "size"], 10]
_ZERO = ["lit", 0, "integer"]


def tidy_contract(**changes: Any) -> Contract:
    """Names are normalised and empty values dropped, at every depth."""
    columns = (
        make_column("id", _NUMBER, required=True),
        make_column("user_name", _TEXT),
        make_column("home_city", _TEXT, path=("home_address", "city_name")),
        make_column("items", Type(kind="array", element=_ITEM)),
        make_column("tags", Type(kind="array", element=_TEXT)),
    )
    return make_contract(*columns, **{"normalise_names": True, "drop_empty": True, **changes})


def _tidied(**values: Any) -> Accepted:
    names = ("id", "user_name", "home_city", "items", "tags")
    return Accepted(dict.fromkeys(names) | {"id": 1} | values)


_TWICE = 'user_name: expected string, got two values, "User Name" and "userName"'

TIDY_LINES: list[tuple[str, Verdict]] = [
    ('{"id": 1, "User Name": "Zoë"}', _tidied(user_name="Zoë")),
    ('{"ID": 1, "userName": "a"}', _tidied(user_name="a")),
    ('{"Id": 1, "USER-NAME": "a"}', _tidied(user_name="a")),
    ('{"_id_": 1, " user.name ": "a"}', _tidied(user_name="a")),
    ('{"id": 1, "user_name": "a"}', _tidied(user_name="a")),
    ('{"id": 1, "user_name": "a", "user_name": "b"}', _tidied(user_name="b")),
    ('{"id": 1, "User Name": "a", "userName": "b"}', Rejected([_TWICE])),
    ('{"id": 1, "User Name": "a", "userName": "a"}', Rejected([_TWICE])),
    ('{"id": 1, "User Name": "", "userName": "b"}', Rejected([_TWICE])),
    ('{"id": 1, "Other Name": "a", "otherName": "b"}', _tidied()),
    (
        '{"id": 1, "Home Address": {"City-Name": "Ghent"}}',
        _tidied(home_city="Ghent"),
    ),
    (
        '{"id": 1, "Home": 2, "home address": {"city name": "a", "cityName": "b"}}',
        Rejected(['home_city: expected string, got two values, "city name" and "cityName"']),
    ),
    (
        '{"id": 1, "homeAddress": {}, "home_address": {"city_name": "a"}}',
        Rejected(
            [
                'home_city: expected object around city_name, got two values, "homeAddress" and'
                ' "home_address"'
            ]
        ),
    ),
    (
        '{"id": 1, "Items": [{"Item Code": "x", "Note": " "}, {"itemCode": "y"}]}',
        _tidied(items=[{"item_code": "x", "note": None}, {"item_code": "y", "note": None}]),
    ),
    (
        '{"id": 1, "items": [{"Item Code": "x", "item_code": "y"}]}',
        Rejected(
            [
                'items: element 0: item_code: expected string, got two values, "Item Code" and'
                ' "item_code"'
            ]
        ),
    ),
    ('{"id": 1, "items": [{"note": "", "item_code": ""}, {}, null]}', _tidied()),
    (
        '{"id": 1, "items": [{"note": "a", "item_code": "\\t"}]}',
        Rejected(["items: element 0: item_code: required, but missing or null"]),
    ),
    ('{"id": 1, "tags": ["a", "", null, "  ", "b"]}', _tidied(tags=["a", "b"])),
    ('{"id": 1, "tags": [], "items": [[], [""]], "user_name": "\\u00a0"}', _tidied()),
    ('{"id": 1, "user_name": " a "}', _tidied(user_name=" a ")),
    ('{"id": "", "user_name": ""}', Rejected(["id: required, but missing or null"])),
    ('{"id": 1, "user_name": 0}', Rejected(["user_name: expected string, got 0"])),
    ('{"id": 1, "tags": {"a": {"b": []}}, "user_name": {}}', _tidied()),
    ('{"": ""}', Rejected(["id: required, but missing or null"])),
    ('{"id": 1, "###": "a", "***": "b"}', _tidied()),
    ('{"_malformed": "line 3 has 5 fields", "id": 1}', Rejected(["record: line 3 has 5 fields"])),
]


# Fields of the JSON contract's record that are empty, or have something empty inside.
EMPTY_VALUES = [
    *('"text": " "', '"text": "\\u00a0"', '"text": "\\t\\n"', '"text": "ž"', '"text": " a"'),
    *('"inner": {}', '"inner": {"text": ""}', '"inner": {"text": " ", "number": 2}', '"inner": []'),
    *('"tags": [""]', '"tags": ["a", ""]', '"tags": ["a", " b "]', '"tags": {}', '"tags": " "'),
    *('"items": [{}]', '"items": [{"other": 1}]', '"items": [{"sku": "a", "at": ""}]'),
    *('"items": [{"sku": "a", "count": null}]', '"items": [null, {"sku": "a"}]', '"items": [[]]'),
    *('"number": ""', '"amount": " "', '"flag": []', '"day": {}', '"at": {"a": [null]}'),
    *('"counts": [null, 1]', '"counts": [0]', '"prices": ["", 1.5]', '"ratio": 0', '"flag": false'),
]


def mapped_contract(*, encoding: str = "json", **changes: Any) -> Contract:
    """Values are mapped, then rows filtered by a derived column; partitioned by level."""
    columns = (
        make_column("id", _NUMBER, required=True),
        make_column(
            "level", _TEXT, required=True, value_map={"warning": "WARN", "it's": "\\", "5": "five"}
        ),
        make_column("host", _TEXT, value_map={"long": "0123456789", "longer": "0123456789A"}),
        make_column("size", Type(kind="integer", bits=32)),
        make_column(
            "twice",
            Type(kind="integer", bits=32),
            path=(),
            derive=["+", _SIZE, _SIZE],
        ),
    )
    text = Source(kind="file", name="tests", location="things.csv", format="csv")
    wanted = ["or", [">", ["integer", ["col", "twice"], 10], _ZERO], ["=", _ID, _ZERO]]
    rule = Rule(name="not_odd", expression=["<>", ["col", "level"], ["lit", "ODD", "string"]])
    fields = {"filter": wanted, "rules": (rule,), "partition_columns": ("level",)}
    fields |= {"source": text} if encoding == "text" else {}
    return make_contract(*columns, **{**fields, **changes})


def _mapped(**values: Any) -> Accepted:
    return Accepted({"id": 1, "level": "WARN", "host": None, "size": 1, "twice": 2} | values)


MAPPED_LINES: list[tuple[str, Verdict]] = [
    ('{"id": 1, "level": "warning", "size": 1}', _mapped()),
    ('{"id": 1, "level": "WARN", "size": 1}', _mapped()),
    ('{"id": 1, "level": "Warning", "size": 1}', _mapped(level="Warning")),
    ('{"id": 1, "level": "it\'s", "size": 1}', _mapped(level="\\")),
    ('{"id": 1, "level": "5", "size": 1}', _mapped(level="five")),
    ('{"id": 1, "level": 5, "size": 1}', Rejected(["level: expected string, got 5"])),
    ('{"id": 1, "level": "WARN", "host": "long", "size": 1}', _mapped(host="0123456789")),
    (
        '{"id": 1, "level": "WARN", "host": "longer", "size": 1}',
        Rejected(['host: longer than 10 bytes (11), got "0123456789A"']),
    ),
    ('{"id": 1, "level": null, "size": 1}', Rejected(["level: required, but missing or null"])),
    ('{"id": 1, "level": "", "size": 1}', Rejected(['level: cannot name a partition, got ""'])),
    ('{"id": 1, "level": "ODD", "size": 1}', Rejected(["rule not_odd: is not met"])),
    ('{"id": 1, "level": "ODD", "size": 0}', Filtered()),
    ('{"id": 1, "level": "a"}', Filtered()),
    ('{"id": 1, "level": "a", "size": -7}', Filtered()),
    ('{"id": 0, "level": "a"}', _mapped(id=0, level="a", size=None, twice=None)),
    (
        '{"id": 1, "level": "a", "size": -2000000000}',
        Rejected(["twice: does not fit 32 bits, got -4000000000"]),
    ),
    ('{"id": 1, "level": "a", "size": "x"}', Rejected(['size: expected integer, got "x"'])),
]

MAPPED_TEXT_LINES: list[tuple[str, Verdict]] = [
    ('{"id": "1", "level": "warning", "size": "1"}', _mapped()),
    ('{"id": "1", "level": "5", "size": "1", "host": ""}', _mapped(level="five")),
    ('{"id": "1", "level": "", "size": "1"}', Rejected(["level: required, but missing or null"])),
    ('{"id": "1", "level": "ODD", "size": ""}', Filtered()),
    ('{"id": "1", "level": "ODD", "size": "3"}', Rejected(["rule not_odd: is not met"])),
]
