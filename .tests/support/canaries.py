"""Secrets of tests, and the search for them in everything that was written."""

from __future__ import annotations

import base64
import gzip
import io
import json
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import botocore.client
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

# The embedded cloud's own stores of what these services have given out.
_STORES = {"secretsmanager", "sts", "iam", "ssm"}
_OWN_KEY = ("credentials.json", "cloud.json")
_GIVEN = {
    "GetCredentials": ("dbPassword",),
    "GetClusterCredentials": ("DbPassword",),
    "GetClusterCredentialsWithIAM": ("DbPassword",),
    "AssumeRole": ("SecretAccessKey", "SessionToken"),
}


class Canaries:
    """Secrets by name."""

    def __init__(self) -> None:
        self._forms: dict[bytes, str] = {}

    def __len__(self) -> int:
        return len(set(self._forms.values()))

    def add(self, name: str, value: str) -> str:
        """Look for a secret, and for what URLs, JSON and headers make of it."""
        assert len(value) >= 12, f"{name} is too short to be found by"
        forms = {value, quote(value, safe=""), json.dumps(value)[1:-1]}
        self._forms |= {each.encode(): name for each in forms}
        # Whatever stands before it: of three ways in which base64 can cut it, the middle.
        for shift in range(3):
            packed = base64.b64encode(bytes(shift) + value.encode())
            self._forms[packed[4 : len(packed) - 4]] = f"{name}, as base64"
        return value

    def find(self, content: bytes) -> set[str]:
        """The names of those that stand in the content, packed or not."""
        plain = b"\n".join(_layers(content))
        return {name for form, name in self._forms.items() if form in plain}


def note_given(patch: pytest.MonkeyPatch, canaries: Canaries) -> None:
    """Have what AWS gives this process out be canaries: passwords and session credentials."""
    made = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]

    def call(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        answer = made(self, operation, parameters)
        found = answer.get("Credentials", answer)
        for field in _GIVEN.get(operation, ()):
            canaries.add(f"{operation}'s {field}", found[field])
        return answer

    patch.setattr(botocore.client.BaseClient, "_make_api_call", call)


def leaks(
    canaries: Canaries, *, home: Path, prefect: Path, client: Callable[[str], Any], since: datetime
) -> list[str]:
    """Where canaries stand: in a cloud's home, its objects and logs, and in Prefect's files.

    Args:
        since: What was written before is left out.
    """
    places: list[tuple[str, bytes]] = []
    places += _files(home, since)
    places += _files(prefect, since)
    places += _state(home / "state.sqlite")
    places += _objects(client("s3"), since)
    places += _log_events(client("logs"), since)
    assert len(places) > 20, "there is nothing to search"
    return [f"{name} in {place}" for place, content in places for name in canaries.find(content)]


def _files(folder: Path, since: datetime) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        is_store = path.name.startswith("state.sqlite") or path.name in _OWN_KEY
        try:
            if is_store or not path.is_file() or path.stat().st_mtime < since.timestamp():
                continue
            yield str(path), path.read_bytes()
        except OSError:  # gone meanwhile
            continue


def _state(path: Path) -> Iterator[tuple[str, bytes]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        for kind, scope, name, content in database.execute("SELECT * FROM state"):
            if scope not in _STORES:
                body = content if isinstance(content, bytes) else str(content).encode()
                yield f"the state of {kind} {scope} {name}", body


def _objects(s3: Any, since: datetime) -> Iterator[tuple[str, bytes]]:
    for bucket in (each["Name"] for each in s3.list_buckets()["Buckets"]):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for each in page.get("Contents", []):
                if each["LastModified"] >= since.replace(microsecond=0):
                    found = s3.get_object(Bucket=bucket, Key=each["Key"])
                    head = json.dumps([each["Key"], found["Metadata"]]).encode()
                    yield f"s3://{bucket}/{each['Key']}", found["Body"].read()
                    yield f"what is said of s3://{bucket}/{each['Key']}", head


def _log_events(logs: Any, since: datetime) -> Iterator[tuple[str, bytes]]:
    start = int(since.timestamp() * 1000)
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=name, startTime=start)
        for page in pages:
            for event in page["events"]:
                yield f"log group {name}", event["message"].encode()


def _layers(content: bytes) -> Iterator[bytes]:
    """The content, and what it is when it is unpacked."""
    yield content
    try:
        if content.startswith(b"\x1f\x8b"):
            yield gzip.decompress(content)
        elif content.startswith(b"\x28\xb5\x2f\xfd"):
            yield zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content)).read()
        elif content.startswith(b"PAR1"):
            yield str(pq.read_table(pa.BufferReader(content)).to_pylist()).encode()
    except (OSError, EOFError, zlib.error, zstandard.ZstdError, pa.ArrowException):
        return
