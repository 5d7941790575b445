"""Files under incoming/: two good ones, and one that is bad until it is mended and sent again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from aws.s3 import get_bytes, head_object, iter_objects, put_bytes
from etl.keys import parse_s3_uri
from etl.redrive import DeadLetter, list_dead_letters, redrive
from local_cloud.source_orders import iter_orders
from local_cloud.tour.steps import Shown, Tour, expect, log, wait_for

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_AIRPORTS, _ORDERS = 25, 40  # the shop's first 40 orders of a day are good
_WAIT_SECONDS = 90


@dataclass(frozen=True, kw_only=True)
class File:
    """A file of the tour; `stem` is its name without the suffix."""

    dataset: str
    stem: str
    suffix: str
    rows: int
    body: bytes

    @property
    def path(self) -> str:
        """Its key below incoming/ and below completed/."""
        return f"{self.dataset}/{self.stem}{self.suffix}"


def show_incoming_files(tour: Tour) -> Iterator[Shown]:
    """Put files, and wait for what becomes of them.

    Raises:
        TourError: Something else became of them, or nothing in time.
    """
    s3, sqs = tour.client("s3"), tour.client("sqs")
    processor, raw = tour.settings.processor, tour.settings.buckets.raw
    rows = _airports(tour, s3)
    text = "[" + ",\n".join(iter_orders(date(2026, 1, 1), 0, _ORDERS)) + "]\n"
    airports = _csv(f"tour-{tour.token}", rows)
    orders = File(
        dataset="orders",
        stem=f"tour-{tour.token}",
        suffix=".json",
        rows=_ORDERS,
        body=text.encode(),
    )
    mended = _csv(f"tour-{tour.token}-bad", rows)
    bad = mended.body.rpartition(b",")[0] + b",west\n"

    for each, body in ((airports, airports.body), (orders, orders.body), (mended, bad)):
        log.info("%-10s s3://%s/%s%s", "putting", raw, processor.incoming_prefix, each.path)
        put_bytes(s3, bucket=raw, key=processor.incoming_prefix + each.path, body=body)
    for each in (airports, orders):
        yield _processed(tour, s3, each, f"a good {each.suffix[1:].upper()} file of {each.dataset}")

    key = processor.incoming_prefix + mended.path

    def find_letter() -> DeadLetter | None:
        letters = list_dead_letters(sqs, processor)
        return next((each for each in letters if each.source_key == key), None)

    letter = wait_for(f"{mended.path} among the dead letters", find_letter, seconds=_WAIT_SECONDS)
    expect("longitude" in letter.cause, f"the dead letter's cause is not longitude: {letter.cause}")
    yield Shown(
        step="a bad CSV file",
        answer=f"dead letter after {letter.receive_count} tries: {_reason(letter.cause)}",
        place=f"SQS {processor.dead_letter_queue_name}, s3://{raw}/{key}",
    )

    log.info("%-10s s3://%s/%s, and sending its message again", "mending", raw, key)
    put_bytes(s3, bucket=raw, key=key, body=mended.body)
    sent = redrive(sqs, processor, message_ids=[letter.message_id])
    expect(len(sent) == 1, "the dead letter was not sent again")
    yield _processed(tour, s3, mended, "mended and redriven")
    expect(find_letter() is None, f"{mended.path} is still among the dead letters")


def _airports(tour: Tour, s3: S3Client) -> bytes:
    """The first lines of the file that the airports' runs read."""
    bucket, key = parse_s3_uri(tour.settings.places["airports_csv"])
    lines = get_bytes(s3, bucket=bucket, key=key).splitlines(keepends=True)
    return b"".join(lines[: _AIRPORTS + 1])


def _csv(stem: str, body: bytes) -> File:
    return File(dataset="airports", stem=stem, suffix=".csv", rows=_AIRPORTS, body=body)


def _processed(tour: Tour, s3: S3Client, file: File, step: str) -> Shown:
    """Wait until the file's rows are there and it has been moved."""
    settings = tour.settings
    raw, processed = settings.buckets.raw, settings.buckets.processed
    incoming = settings.processor.incoming_prefix + file.path
    completed = settings.processor.completed_prefix + file.path

    def look() -> bool:
        is_there = head_object(s3, bucket=raw, key=completed) is not None
        return is_there and head_object(s3, bucket=raw, key=incoming) is None

    wait_for(
        f"{file.path} under {settings.processor.completed_prefix}", look, seconds=_WAIT_SECONDS
    )
    name = re.compile(rf"processed/\d{{4}}/\d\d/\d\d/{file.dataset}/{file.stem}-\w{{16}}\.jsonl")
    listed = iter_objects(s3, bucket=processed, prefix="processed/2")
    keys = [each.key for each in listed if name.fullmatch(each.key)]
    expect(len(keys) == 1, f"{file.path} has {len(keys)} objects under processed/, not 1")
    count = len(get_bytes(s3, bucket=processed, key=keys[0]).splitlines())
    expect(count == file.rows, f"{file.path} became {count} rows, not {file.rows}")
    return Shown(
        step=step,
        answer=f"{count} rows processed, the file moved to {settings.processor.completed_prefix}",
        place=f"s3://{processed}/{keys[0]}",
    )


def _reason(cause: str) -> str:
    """The record and its reason, without the file's name and the advice."""
    return cause.partition("; fix: ")[0].partition(": ")[2]
