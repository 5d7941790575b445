"""Why rows were rejected, with samples: a bounded look into the quarantine."""

from __future__ import annotations

import json
import textwrap
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from aws.s3 import open_object
from etl.artifacts.artifact import (
    Artifact,
    artifact_key,
    code,
    code_block,
    plain,
    shorten,
    table,
)
from etl.artifacts.masking import show_payload, show_reasons
from etl.judge import reason_label
from etl.keys import parse_s3_uri
from etl.model import Contract

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MOST_REASONS = 10
_SAMPLED_REASONS = 5
_MOST_FILES = 4
_READ_BYTES = 256 * 1024  # of each file, compressed
_UNPACKED_BYTES = 4 * 1024 * 1024
_SHOWN_CHARACTERS = 600
_LINE_CHARACTERS = 80


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A rejected record; `label` is what its first reason is about."""

    label: str
    reasons: str
    payload: str


def top_reasons(reasons: Mapping[str, int]) -> list[tuple[str, int]]:
    """What rows were rejected for, the most frequent first."""
    return sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))


def read_samples(
    s3: S3Client, uris: Sequence[str], *, reasons: Mapping[str, int], most: int
) -> list[Sample]:
    """Up to `most` records for each of the top reasons, from the beginning of the first files.

    Args:
        uris: The quarantine's files.
    """
    missing = {
        label: min(most, count) for label, count in top_reasons(reasons)[:_SAMPLED_REASONS] if most
    }
    found: list[Sample] = []
    for uri in uris[:_MOST_FILES]:
        for sample in _read_file(s3, uri):
            if not any(missing.values()):
                return found
            if missing.get(sample.label):
                missing[sample.label] -= 1
                found.append(sample)
    return found


def _read_file(s3: S3Client, uri: str) -> Iterator[Sample]:
    bucket, key = parse_s3_uri(uri)
    with open_object(s3, bucket=bucket, key=key) as stream:
        packed = stream.read(_READ_BYTES)
    text = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(packed, _UNPACKED_BYTES)
    for line in text.split(b"\n")[:-1]:  # what is behind the last newline may be cut off
        row = json.loads(line)
        yield Sample(
            label=reason_label(row["reasons"]), reasons=row["reasons"], payload=row["payload"]
        )


def quarantine_artifact(
    contract: Contract,
    run_date: date,
    *,
    reasons: Mapping[str, int],
    samples: Sequence[Sample],
    rows_read: int,
    place: str,
) -> Artifact:
    """The reasons with their counts, and samples of the rows.

    Args:
        reasons: Rejected rows by what their first reason is about.
        rows_read: How many rows the transform read.
        place: The quarantine's s3:// prefix of the run.
    """
    key = artifact_key(contract.dataset, "quarantine")
    rejected = sum(reasons.values())
    day = f"{plain(contract.dataset)} {run_date}"
    if not rejected:
        return Artifact(
            key=key,
            content=f"None of {rows_read:,} rows was rejected.\n",
            description=f"{day}: no rows rejected",
        )
    share = f"{rejected:,} of {rows_read:,} rows ({rejected / rows_read:.1%}) rejected"
    top = top_reasons(reasons)
    lines = [[code(label), f"{count:,}"] for label, count in top[:_MOST_REASONS]]
    if len(top) > _MOST_REASONS:
        rest = sum(count for _, count in top[_MOST_REASONS:])
        lines.append([f"{len(top) - _MOST_REASONS} others", f"{rest:,}"])
    parts = [
        f"{share}, by what their first reason is about:",
        table(["about", "rows"], lines),
        f"All of them, with their reasons: {code(place)}",
        *_sample_parts(contract, top, samples),
    ]
    return Artifact(key=key, content="\n\n".join(parts) + "\n", description=f"{day}: {share}")


def _sample_parts(
    contract: Contract, top: Sequence[tuple[str, int]], samples: Sequence[Sample]
) -> Iterator[str]:
    if not samples:
        return
    yield "## Samples"
    if not all(each.is_open for each in contract.columns):
        yield (
            "`***` stands for values of classified columns, and for what the contract does not"
            " name."
        )
    for label, count in top:
        of_label = [each for each in samples if each.label == label]
        if of_label:
            yield f"### {plain(label)}: {count:,}"
        for each in of_label:
            yield code_block(_sample_text(each, contract))


def _sample_text(sample: Sample, contract: Contract) -> str:
    texts = show_reasons(sample.reasons, contract), show_payload(sample.payload, contract)
    return "\n\n".join(_wrapped(shorten(each, _SHOWN_CHARACTERS)) for each in texts)


def _wrapped(text: str) -> str:
    """Lines that need no scrolling to the side."""
    return "\n".join(textwrap.wrap(text, _LINE_CHARACTERS, break_on_hyphens=False))
