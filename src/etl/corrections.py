"""Payloads that people have put in place of quarantined ones, kept beside a run date's raw objects.

Raw itself stays as received. A correction is for every line whose text has its SHA-256, and the
transform puts its payload in the line's place before anything else. The manifest names the object
with all of a date's corrections, so that they hold for each later run of the date, and for another
extraction of it. Objects of earlier corrections stay beside it: who reads them sees what was done.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

from aws.s3 import get_bytes, open_object, put_bytes
from etl.errors import StorageError, UsageError
from etl.keys import parse_s3_uri
from etl.manifest import RawObject
from etl.storage import explain_storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FOLDER = "_corrections/"

Corrections = Mapping[str, str]  # the payload by the SHA-256 of the one that it stands for, in hex


def payload_digest(payload: str) -> str:
    """What identifies a quarantined row: the SHA-256 of its payload in UTF-8, in hex."""
    return hashlib.sha256(payload.encode()).hexdigest()


def parse_corrections(lines: Iterable[bytes], name: str) -> dict[str, str]:
    """The rows of an exported quarantine that have another payload than they had.

    Args:
        name: What messages call the file.

    Raises:
        UsageError: A line is none of an export, or two of them contradict each other.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        digest, payload = _parse_line(line, f"{name}, line {number}")
        if payload_digest(payload) == digest:
            continue
        if found.setdefault(digest, payload) != payload:
            raise UsageError(
                f"{name}, line {number}: another correction of {digest} stands above",
                fix="give rows with the same payload the same correction",
            )
    return found


def _parse_line(line: bytes, where: str) -> tuple[str, str]:
    fix = "write it with `python -m etl replay … --export`, and change nothing but payloads"
    try:
        row = json.loads(line)
        digest, payload = row["payload_sha256"], row["payload"]
        is_whole = type(digest) is str and type(payload) is str
    except (ValueError, KeyError, TypeError):
        is_whole = False
    if not is_whole:
        raise UsageError(f"{where}: no JSON object with payload_sha256 and payload", fix=fix)
    try:
        encoded = payload.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{where}: half a surrogate pair in the payload", fix=fix) from None
    if not encoded or b"\n" in encoded:
        raise UsageError(
            f"{where}: a payload is one line of text, as the source would have sent it", fix=fix
        )
    return digest, payload


def join_corrections(kept: Corrections, given: Corrections) -> dict[str, str]:
    """Both; a correction of what was a correction itself takes its place."""
    resolved = {key: given.get(payload_digest(each), each) for key, each in kept.items()}
    return resolved | dict(given)


def write_corrections(s3: S3Client, prefix: str, corrections: Corrections) -> RawObject:
    """Put them below a run date's raw prefix, under a name that their bytes give."""
    lines = [
        json.dumps({"payload_sha256": key, "payload": each}, ensure_ascii=False).encode() + b"\n"
        for key, each in sorted(corrections.items())
    ]
    body = gzip.compress(b"".join(lines), mtime=0)
    digest = hashlib.sha256(body).hexdigest()
    uri = f"{prefix}{FOLDER}{digest[:32]}.jsonl.gz"
    bucket, key = parse_s3_uri(uri)
    with explain_storage_errors(uri):
        put_bytes(s3, bucket=bucket, key=key, body=body, content_type="application/gzip")
    return RawObject(uri=uri, bytes=len(body), sha256=digest, rows=len(lines))


def read_corrections(s3: S3Client, kept: RawObject | None) -> dict[str, str]:
    """What `write_corrections` wrote; nothing for None.

    Raises:
        StorageError: The object is gone, or another one.
    """
    if kept is None:
        return {}
    bucket, key = parse_s3_uri(kept.uri)
    with explain_storage_errors(kept.uri):
        body = get_bytes(s3, bucket=bucket, key=key)
    if hashlib.sha256(body).hexdigest() != kept.sha256:
        raise StorageError(
            f"{kept.uri} is not what its manifest says",
            fix="restore it from the bucket's versions",
        )
    return {
        row["payload_sha256"]: row["payload"]
        for row in map(json.loads, gzip.decompress(body).splitlines())
    }


def read_quarantine(s3: S3Client, uris: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The rejected rows of some files, each with its `payload_sha256`.

    Raises:
        StorageError: A file is gone.
    """
    for uri in uris:
        bucket, key = parse_s3_uri(uri)
        with explain_storage_errors(uri), open_object(s3, bucket=bucket, key=key) as body:
            yield from _read_rows(body)


def _read_rows(body: IO[bytes]) -> Iterator[dict[str, Any]]:
    with gzip.open(body) as lines:
        for line in lines:
            row: dict[str, Any] = json.loads(line)
            # Rows that earlier releases quarantined came without.
            row["payload_sha256"] = payload_digest(row["payload"])
            yield row
