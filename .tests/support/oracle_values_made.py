"""Values that sources may send, as they are sent: what types accept, and what is nearly that."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from datetime import date, datetime

import hypothesis
from hypothesis import Phase, settings
from hypothesis import strategies as st
from support.oracle_specification import Column, Items

_ODD = [
    *(
        "",
        " ",
        "  x ",
        "\t",
        "'",
        '"',
        "\\",
        "\\N",
        "NULL",
        "null",
        "None",
        "NaN",
        "true",
        "0",
        "-",
    ),
    *("'; DROP TABLE orders; --", "a,b;c|d", "a\nb", "\u2028", "\ufeffx", "\u200e", "é", "e\u0301"),
    *(
        "ß",
        "İ",
        "ǆ",
        "😀",
        "𝔘",
        "中文",
        "\x7f",
        "\x01",
        "%s",
        "{}",
        "[1]",
        "__HIVE_DEFAULT__",
        "a\0b",
    ),
    *("١", "１", "1_000", "0x1F", "+1", "1.", ".5", "1e2", "00", "-0", "Infinity", "$line", "`x`"),
]
TEXTS = st.one_of(
    st.sampled_from(_ODD), st.text(st.characters(exclude_categories=["Cs"]), max_size=14)
)
# JSON text that a type nearly accepts, or that another one does.
_NUMBERS = (
    *("1e999", "-1e999", "1e-400", "0.1e1", "1E5", "1.0", "-0", "-0.0", "0e999999999", "1e3"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "2147483648"),
    *("-2147483649", "123456789012345678901234567890.5", "0.00000000001", "99999.995", "-99999.99"),
    *("100000", "12.3456", "1.50000000000000000000000000000", '"1.5"', '"7"', '"-0.50"', "5e-324"),
)
_TIMES = (
    *("2026-02-29", "2024-02-29", "0000-01-01", "0001-01-01", "9999-12-31", "2026-1-1"),
    *("20260101", "2026-01-01T00:00:00Z", " 2026-01-01", "2026-01-01 ", "+2026-01-01"),
    *("12026-01-01", "2026-13-01", "today", "epoch", "2026-W01-1", "２026-01-01", "13/1/2026"),
    *("2026-01-01T09:15:27", "2026-01-01 09:15:27Z", "2026-01-01T24:00:00Z"),
    *("2026-01-01T09:15:60Z", "2026-01-01T09:15:27.1234567Z", "2026-01-01T09:15:27+0200"),
    *("2026-01-01T09:15Z", "2026-01-01t09:15:27z", "0001-01-01T00:00:00+00:01", "now"),
    *("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-00:01", "1883-11-18T12:00:00Z"),
    *("2026-01-01T09:15:27+24:00", "2026-01-01T09:15:27 UTC", "31.02.2026 10:00"),
)
_OTHERS = ("null", "true", "false", '""', "{}", "[]", "[[]]", '[""]', "[null]", '"\\ud800"')
NEARLY = (*_NUMBERS, *map(json.dumps, _TIMES), *_OTHERS)

_BEFORE_RUNS = st.dates(date(2025, 12, 1), date(2026, 1, 3))
_SMALL, _LARGE = st.integers(-4, 50), st.integers(50, 2**40)
_MOMENTS = st.one_of(
    st.integers(0, 23).map(lambda hour: datetime(2026, 1, 1, hour)),
    st.datetimes(),
)
_ZONES = st.sampled_from(["Z", "+00:00", "-00:00", "+02:00", "-09:30", "+23:59", "-23:59"])
_ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def sample(strategy: st.SearchStrategy[str], *, count: int, seed: int) -> list[str]:
    """So many of a strategy's values, its edges among them; the same for the same seed."""
    found: list[str] = []

    @hypothesis.seed(seed)
    @settings(max_examples=count, database=None, phases=[Phase.generate], deadline=None)
    @hypothesis.given(strategy)
    def collect(value: str) -> None:
        found.append(value)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        collect()
    return found


def any_json() -> st.SearchStrategy[str]:
    """JSON text of anything."""
    return st.builds(_dumped, _ANY_JSON, st.booleans())


def json_values(column: Column) -> st.SearchStrategy[str]:
    """JSON text that a column mostly accepts."""
    if column.type != "SUPER":
        return _scalar(column.type, column.options)
    if isinstance(column.items, str):
        return st.lists(st.just("null") | _scalar(column.items, {}), max_size=3).map(_array)
    pairs = [
        (st.tuples(st.just(name), _scalar(kind, {})), required)
        for name, (kind, required) in column.items.items()
    ]
    fields = [pair if required else st.none() | pair for pair, required in pairs]
    elements = st.tuples(*fields).map(lambda found: as_object([each for each in found if each]))
    return st.lists(elements, max_size=3).map(_array)


def text_values(column: Column) -> st.SearchStrategy[str]:
    """CSV's text that a column mostly accepts."""
    if column.type == "BOOLEAN":
        return st.sampled_from(["false", "False", "FALSE", "true"])
    if column.format and column.type == "DATE":
        return _BEFORE_RUNS.map(lambda day: f"{day.month}/{day.day:02}/{day.year}")
    if column.format:
        return _MOMENTS.map(lambda at: f"{at:%d.%m.}{at.year:04}{at: %H:%M}")
    values = _scalar(column.type, column.options).map(unquoted)
    return values | st.sampled_from(list(column.map_values)) if column.map_values else values


def unquoted(text: str) -> str:
    """What CSV has of a JSON value: a text's characters, any other's JSON."""
    return str(json.loads(text)) if text.startswith('"') else text


def as_object(pairs: Sequence[tuple[str, str]]) -> str:
    """JSON text of an object."""
    return "{" + ", ".join(f'"{name}": {text}' for name, text in pairs) + "}"


def nearly_array(items: Items, texts: Sequence[str]) -> str:
    """JSON text of an array of such values, or of objects of them."""
    if isinstance(items, str):
        return _array(texts)
    return _array([as_object([(name, text)]) for name, text in zip(items, texts, strict=False)])


def _scalar(kind: str, options: dict[str, object]) -> st.SearchStrategy[str]:
    sizes = [int(each) for each in kind.partition("(")[2].rstrip(")").split(", ") if each]
    match kind.partition("(")[0]:
        case "VARCHAR":
            return st.builds(_dumped, _texts(sizes[0], options), st.booleans())
        case "INTEGER":
            return _SMALL.map(str) | _SMALL.map(str) | st.integers(0, 2**31 - 1).map(str)
        case "BIGINT":
            return _LARGE.map(str) | _LARGE.map(str) | st.integers(-(2**63), 2**63 - 1).map(str)
        case "DECIMAL":
            precision, scale = sizes
            limit = 10**precision - 1
            units = st.one_of(st.integers(-500, 500), st.integers(-limit, limit))
            return units.map(lambda count: _plain(count, scale))
        case "DOUBLE PRECISION":
            return st.floats(allow_nan=False, allow_infinity=False).map(repr)
        case "BOOLEAN":
            return st.sampled_from(["true", "false"])
        case "DATE":
            return st.one_of(_BEFORE_RUNS, _BEFORE_RUNS, st.dates()).map(lambda day: f'"{day}"')
    return st.builds(lambda at, zone: f'"{at.isoformat()}{zone}"', _MOMENTS, _ZONES)


def _texts(limit_bytes: int, options: dict[str, object]) -> st.SearchStrategy[str]:
    if "pattern" in options:
        return st.text("ABCXYZ", min_size=1, max_size=3)
    if isinstance(values := options.get("enum"), list):
        return st.sampled_from([*values, "warning", "e"])
    return TEXTS.map(lambda text: text.replace("\0", "")[: max(1, limit_bytes // 8)])


def _dumped(value: object, is_ascii: bool) -> str:
    return json.dumps(value, ensure_ascii=is_ascii)


def _array(texts: Sequence[str]) -> str:
    return f"[{', '.join(texts)}]"


def _plain(units: int, scale: int) -> str:
    digits = f"{abs(units):0{scale + 1}}"
    whole, fraction = digits[: len(digits) - scale], digits[len(digits) - scale :]
    return ("-" if units < 0 else "") + whole + (f".{fraction}" if fraction else "")
