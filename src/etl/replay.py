"""A run without its source: what raw keeps, under the present contract, with corrections.

The flow does the rest as ever. See docs/adr/0023-replays.md.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws.s3 import get_bytes, iter_objects
from etl import keys
from etl.corrections import (
    Corrections,
    join_corrections,
    parse_corrections,
    read_corrections,
    read_quarantine,
    write_corrections,
)
from etl.errors import ContractError, StorageError, UsageError
from etl.manifest import Manifest, read_manifest, write_manifest
from etl.run import Run
from etl.storage import explain_storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger("etl")

_EXPORT = "export the quarantine again (--export), and correct that"


def kept_extraction(run: Run, corrections: Path | None = None) -> Manifest:
    """The extraction that raw keeps, as one for the present contract and with corrections.

    Doing it again is harmless: corrections that are kept already are known.

    Args:
        corrections: A file of quarantined rows, some of them with another payload.

    Raises:
        UsageError: The dataset quarantines nothing, or a correction is of no quarantined row;
            nothing was written.
        ContractError: The contract reads what is kept in another way than it was written.
        StorageError: There is no complete extraction, or it is not whole any more.
    """
    _check_quarantines(run)
    s3, contract = run.client("s3"), run.contract
    uri = keys.manifest_uri(contract, run.run_date)
    kept = read_manifest(s3, uri)
    if kept.encoding != contract.source.encoding:
        raise ContractError(
            f"raw of {contract.dataset} {run.run_date} holds values as {kept.encoding}, the"
            f" contract's source gives {contract.source.encoding}",
            fix="run the date by flows/full_pipeline.py: it is extracted anew",
        )
    _check_raw(s3, run, kept)
    known = None if corrections is None else _corrected(s3, run, kept, corrections)
    run.begin_replacing()
    manifest = replace(kept, contract_uri=run.contract_uri)
    if known is not None:
        prefix = keys.raw_prefix(contract, run.run_date)
        manifest = replace(manifest, corrections=write_corrections(s3, prefix, known))
    if manifest != kept:
        write_manifest(s3, uri, manifest)
    count = manifest.corrections.rows if manifest.corrections else 0
    log.info("replay     what raw keeps, with %s corrections", f"{count:,}")
    return manifest


def export_quarantine(run: Run, file: Path) -> int:
    """Write the quarantined rows to a new file, as JSON lines; how many there are.

    Raises:
        UsageError: The file exists, or the dataset quarantines nothing.
        StorageError: The date has not been transformed.
    """
    _check_quarantines(run)
    s3, count = run.client("s3"), 0
    uris = _quarantine_files(_metrics(s3, run))
    try:
        with file.open("xb") as lines:
            for count, row in enumerate(read_quarantine(s3, uris), start=1):
                lines.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    except FileExistsError:
        raise UsageError(
            f"{file} exists", fix="name another file: it may hold corrections"
        ) from None
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}", fix="name another file") from None
    return count


def _check_quarantines(run: Run) -> None:
    if not run.contract.is_transformed:
        raise UsageError(
            f"{run.contract.dataset} ends at raw, where nothing is quarantined",
            fix="run the date by flows/full_pipeline.py: it is extracted anew",
        )


def _check_raw(s3: S3Client, run: Run, kept: Manifest) -> None:
    prefix = keys.raw_prefix(run.contract, run.run_date)
    bucket, folder = keys.parse_s3_uri(prefix)
    with explain_storage_errors(prefix):
        sizes = {each.key: each.size for each in iter_objects(s3, bucket=bucket, prefix=folder)}
    for each in kept.objects:
        if sizes.get(keys.parse_s3_uri(each.uri)[1]) != each.bytes:
            raise StorageError(
                f"{each.uri} is not there as it was written",
                fix="restore it, or run the date by flows/full_pipeline.py: it is extracted anew",
            )


def _corrected(s3: S3Client, run: Run, kept: Manifest, file: Path) -> Corrections:
    """The date's corrections with those of the file.

    Raises:
        UsageError: The file changes nothing, or something that is not in quarantine.
    """
    given = _read_file(file)
    known = read_corrections(s3, kept.corrections)
    missing = {key for key, payload in given.items() if known.get(key) != payload}
    if missing:
        metrics = _metrics(s3, run)
        if metrics["manifest_digest"] != kept.digest:
            raise UsageError(
                f"the quarantine of {run.contract.dataset} {run.run_date} is not of the extraction"
                " that raw keeps: its last run has not ended",
                fix="replay the date without corrections first, then export and correct again",
            )
        for row in read_quarantine(s3, _quarantine_files(metrics)):
            missing.discard(row["payload_sha256"])
            if not missing:
                break
    if missing:
        raise UsageError(
            f"{file}: {len(missing):,} of {len(given):,} corrections are of no quarantined row of"
            f" {run.contract.dataset} {run.run_date}, e.g. {min(missing)}",
            fix=_EXPORT,
        )
    return join_corrections(known, given)


def _read_file(file: Path) -> dict[str, str]:
    try:
        with file.open("rb") as lines:
            given = parse_corrections(lines, str(file))
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}", fix="name a file of corrections") from None
    if not given:
        raise UsageError(f"{file} changes no payload", fix=_EXPORT)
    return given


def _metrics(s3: S3Client, run: Run) -> Mapping[str, Any]:
    uri = run.uri("metrics.json")
    bucket, key = keys.parse_s3_uri(uri)
    with explain_storage_errors(uri):
        metrics: dict[str, Any] = json.loads(get_bytes(s3, bucket=bucket, key=key))
    return metrics


def _quarantine_files(metrics: Mapping[str, Any]) -> Iterator[str]:
    return (each["uri"] for each in metrics["quarantine_files"])
