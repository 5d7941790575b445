"""Which objects belong to which partition of a table: registered, or by partition projection."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

from local_cloud.athena.catalog import Catalog, Table
from local_cloud.athena.errors import QueryFailure
from local_cloud.context import Cloud

# Java's date letters that partition projection uses, longest first.
_DATE_LETTERS = [
    ("yyyy", "%Y"),
    ("MM", "%m"),
    ("dd", "%d"),
    ("HH", "%H"),
    ("mm", "%M"),
    ("ss", "%S"),
]
_UNIT_DAYS = {
    "YEARS": 366,
    "MONTHS": 31,
    "WEEKS": 7,
    "DAYS": 1,
    "HOURS": 1 / 24,
    "MINUTES": 1 / 1440,
}
_NOW = re.compile(r"NOW\s*(?:([+-])\s*(\d+)\s*([A-Z]+?)S?)?$", re.IGNORECASE)


@dataclass(frozen=True)
class DataFile:
    """One object of a table."""

    key: str
    bytes: int
    path: Path
    values: tuple[str, ...] = ()


class Lists(Protocol):
    """Who may list objects."""

    def check_list(self, bucket: str, prefix: str) -> None:
        """Ask before objects are listed."""


def data_files(cloud: Cloud, catalog: Catalog, table: Table, access: Lists) -> list[DataFile]:
    """The objects that a query of the whole table reads."""
    if table.keys and table.is_projected:
        return list(_projected_files(cloud, table, access))
    listing = _Listing(cloud, table.location)
    if not table.keys:
        return list(_files_under(listing, table.location, (), access))
    return [
        file
        for values, location in catalog.partitions(table)
        for file in _files_under(listing, location, tuple(values), access)
    ]


def found_partitions(cloud: Cloud, table: Table, access: Lists) -> dict[tuple[str, ...], str]:
    """Values and location of the `key=value/` folders under a table's location."""
    bucket, prefix = split_uri(table.location)
    folder = "/".join(f"{re.escape(key)}=([^/]+)" for key in table.keys) + "/"
    pattern = re.compile(re.escape(prefix) + folder, re.IGNORECASE)
    found = {}
    access.check_list(bucket, prefix)
    for key, _, _ in cloud.list_objects(bucket, prefix):
        if match := pattern.match(key):
            values = tuple(unquote(value) for value in match.groups())
            found[values] = f"s3://{bucket}/{match.group(0)}"
    return found


def injected_keys(table: Table) -> list[str]:
    """Projected columns whose values a query has to name."""
    if not table.is_projected:
        return []
    return [key for key in table.keys if _property(table, key, "type") == "injected"]


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of an S3 URI."""
    bucket, _, key = uri.partition("://")[2].partition("/")
    return bucket, key


class _Listing:
    """The objects under locations. A walk over a bucket passes all its keys, so what lies around
    most of them is walked over once."""

    def __init__(self, cloud: Cloud, around: str) -> None:
        self._cloud = cloud
        self._around = around
        self._objects = cloud.list_objects(*split_uri(around))
        self._keys = [key for key, _, _ in self._objects]

    def under(self, location: str) -> Iterable[tuple[str, int, Path]]:
        """Key, size and file of each object, in key order."""
        bucket, prefix = split_uri(location)
        if not location.startswith(self._around):
            return self._cloud.list_objects(bucket, prefix)
        following = range(bisect_left(self._keys, prefix), len(self._keys))
        return takewhile(
            lambda each: each[0].startswith(prefix), map(self._objects.__getitem__, following)
        )


def _files_under(
    listing: _Listing, location: str, values: tuple[str, ...], access: Lists
) -> Iterator[DataFile]:
    bucket, prefix = split_uri(location)
    access.check_list(bucket, prefix)
    for key, size, path in listing.under(location):
        if size and _is_data(key[len(prefix) :]):
            yield DataFile(key, size, path, values)


def _is_data(relative_key: str) -> bool:
    """Hive and Athena skip what starts with a dot or an underscore."""
    return not any(part.startswith((".", "_")) for part in relative_key.split("/"))


def _projected_files(cloud: Cloud, table: Table, access: Lists) -> Iterator[DataFile]:
    template = table.parameters.get("storage.location.template") or (
        table.location + "/".join(f"{key}=${{{key}}}" for key in table.keys)
    )
    bucket, path = split_uri(template.rstrip("/") + "/")
    pieces = re.split(r"\$\{([^}]+)\}", path)
    checks = {key: _projection_check(table, key) for key in table.keys}
    missing = set(checks) - {name.lower() for name in pieces[1::2]}
    if missing:
        raise QueryFailure(
            "INVALID_TABLE_PROPERTY",
            f"storage.location.template of {table.name} lacks {', '.join(sorted(missing))}",
        )
    expression = "".join(
        (
            f"(?P<{piece.lower()}>{_value_pattern(table, piece.lower())})"
            if number % 2
            else re.escape(piece)
        )
        for number, piece in enumerate(pieces)
    )
    pattern = re.compile(expression)
    access.check_list(bucket, pieces[0])
    for key, size, file in cloud.list_objects(bucket, pieces[0]):
        match = pattern.match(key)
        if not match or not size or not _is_data(key[match.end() :]):
            continue
        values = tuple(match.group(name) for name in table.keys)
        if all(check(value) for check, value in zip(checks.values(), values, strict=True)):
            yield DataFile(key, size, file, values)


def _value_pattern(table: Table, key: str) -> str:
    """A date's format may hold slashes; any other value is one folder's name."""
    if _property(table, key, "type") != "date":
        return "[^/]+?"
    return re.escape(_property(table, key, "format") or "yyyy-MM-dd").translate(_LETTER_PATTERNS)


_LETTER_PATTERNS = {ord(letter): r"\d" for letter in "yMdHms"}


def _projection_check(table: Table, key: str) -> Callable[[str], bool]:
    """Whether a value is among those that the projection of a column yields."""
    kind = _property(table, key, "type")
    if kind == "injected":
        return lambda value: True
    if kind == "enum":
        allowed = {value.strip() for value in _required(table, key, "values").split(",")}
        return allowed.__contains__
    if kind == "integer":
        low, high = (int(bound) for bound in _required(table, key, "range").split(","))
        digits = int(_property(table, key, "digits") or 0)
        interval = int(_property(table, key, "interval") or 1)
        return lambda value: (
            value.lstrip("-").isdigit()
            and low <= int(value) <= high
            and (int(value) - low) % interval == 0
            and value == str(int(value)).zfill(digits)
        )
    if kind == "date":
        text = _required(table, key, "format")
        for letters, directive in _DATE_LETTERS:
            text = text.replace(letters, directive)
        first, last = (
            _bound(bound.strip(), text) for bound in _required(table, key, "range").split(",")
        )
        return lambda value: first <= _parse_date(value, text) <= last
    raise QueryFailure(
        "INVALID_TABLE_PROPERTY", f"projection.{key}.type of {table.name} is {kind or 'missing'}"
    )


def _bound(text: str, date_format: str) -> datetime:
    match = _NOW.match(text)
    if not match:
        return _parse_date(text, date_format)
    sign, count, unit = match.groups()
    days = int(count or 0) * _UNIT_DAYS.get(f"{(unit or 'DAY').upper()}S", 1)
    now = datetime.now(UTC).replace(tzinfo=None)
    return now - timedelta(days=days) if sign == "-" else now + timedelta(days=days)


def _parse_date(value: str, date_format: str) -> datetime:
    try:
        return datetime.strptime(value, date_format)
    except ValueError:
        return datetime.max


def _property(table: Table, key: str, name: str) -> str:
    return table.parameters.get(f"projection.{key}.{name}", "")


def _required(table: Table, key: str, name: str) -> str:
    value = _property(table, key, name)
    if not value:
        raise QueryFailure(
            "INVALID_TABLE_PROPERTY", f"projection.{key}.{name} of {table.name} is missing"
        )
    return value
