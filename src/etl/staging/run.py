"""Extract → raw: all that a source yields becomes a run's extraction, or nothing does.

How a reader is kept from an old manifest beside new objects: while records stream in, nothing that
is sent can be seen. Only when the source has ended well is it made visible, in this order:

1. the old manifest is put aside and deleted: the extraction does not exist;
2. the objects appear, each whole, under the names that every extraction of the date uses;
3. objects of an earlier extraction that this one does not have are deleted;
4. the new manifest is written: the extraction exists.

So a source that fails midway leaves the earlier extraction as it was, and a process that dies
between 1 and 4 leaves none, which the next run makes good. A reader that took the old manifest
before 1 can tell by the row counts, sizes and digests in it, and by `Manifest.digest`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from aws.s3 import delete_objects, iter_objects, put_bytes
from etl.figures import Figures
from etl.keys import (
    dead_letters_prefix,
    is_part_name,
    manifest_uri,
    parse_s3_uri,
    part_name,
    raw_prefix,
)
from etl.manifest import Manifest, earlier_uri, find_manifest, read_if_there, write_manifest
from etl.model import Contract, Raw
from etl.settings import Staging
from etl.sources.records import OpenSource
from etl.staging.writer import Progress, RawWriter
from etl.storage import explain_storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEYS_FOLDER = "_keys/"
SCHEMA_NAME = "_schema.proto"


def stage_raw(
    source: OpenSource,
    *,
    s3: S3Client,
    contract: Contract,
    run_date: date,
    run_id: str,
    contract_uri: str,
    settings: Staging,
    figures: Figures | None = None,
    on_progress: Progress | None = None,
    before_replacing: Callable[[], None] = lambda: None,
) -> Manifest:
    """Stream a source to the run's raw prefix and write its manifest last.

    The same items give the same bytes and the same manifest. People's corrections of an earlier
    extraction of the date hold for this one too.

    Args:
        contract_uri: Where the compiled contract of this run lies; noted in the manifest.
        figures: To count on with; others may look at them meanwhile.
        on_progress: Called with the figures now and then, and at the end.
        before_replacing: Called when all is sent and nothing is visible; what it raises leaves the
            earlier extraction as it is.

    Raises:
        StorageError: The bucket is missing or refuses access.
    """
    prefix = raw_prefix(contract, run_date)
    with explain_storage_errors(prefix), ExitStack() as opened:
        # Listing first also shows that the bucket can be used, before a day's data is fetched.
        existing = _list_earlier(s3, contract, run_date)
        earlier = find_manifest(s3, manifest_uri(contract, run_date))
        make_writer = partial(
            RawWriter,
            s3,
            run_date=run_date,
            name=part_name,
            settings=settings,
            metadata=object_metadata(contract, run_date, run_id),
            existing=existing,
        )
        writer = make_writer(contract=contract, figures=figures, on_progress=on_progress)
        writers = [opened.enter_context(writer)]
        for item in source.items:
            writer.add(item)
        staged = writer.finish()
        keys = None
        if source.keys is not None:
            key_writer = make_writer(
                contract=_keys_contract(contract), prefix=prefix + KEYS_FOLDER, buries=False
            )
            writers.append(opened.enter_context(key_writer))
            for lines in source.keys():
                key_writer.add(lines)
            keys = key_writer.finish().objects
        manifest = Manifest(
            dataset=contract.dataset,
            run_date=run_date,
            source=contract.source.name,
            encoding=contract.source.encoding,
            objects=staged.objects,
            rows=staged.rows,
            bytes=staged.bytes,
            contract_uri=contract_uri,
            rejected=staged.rejected,
            dead_letters=staged.dead_letters,
            keys=keys,
            progress=source.progress(),
            corrections=earlier.corrections if earlier else None,
        )
        before_replacing()
        _replace(s3, contract, manifest, writers, existing)
    return manifest


def _replace(
    s3: S3Client,
    contract: Contract,
    manifest: Manifest,
    writers: Sequence[RawWriter],
    existing: Mapping[str, int],
) -> None:
    """Put the extraction in place of an earlier one."""
    uri = manifest_uri(contract, manifest.run_date)
    bucket, key = parse_s3_uri(uri)
    objects = (*manifest.objects, *(manifest.keys or ()))
    kept = {each.uri for each in objects} | set(manifest.dead_letters)
    leftovers = [each for each in existing if f"s3://{bucket}/{each}" not in kept]
    earlier = read_if_there(s3, uri)
    is_same = earlier == manifest and not leftovers
    if not (is_same and all(each.changes_nothing for each in writers)):
        if earlier is not None:
            write_manifest(s3, earlier_uri(uri), earlier)
        delete_objects(s3, bucket=bucket, keys=[key])
    for each in writers:
        each.commit()
    if contract.raw.format == "protobuf":
        _write_schema(s3, contract)
    delete_objects(s3, bucket=bucket, keys=leftovers)
    write_manifest(s3, uri, manifest)
    delete_objects(s3, bucket=bucket, keys=[parse_s3_uri(earlier_uri(uri))[1]])


def object_metadata(contract: Contract, run_date: date, run_id: str) -> dict[str, str]:
    """What S3 keeps beside every raw object, for people who find one."""
    places = contract.places
    return {
        "dataset": contract.dataset,
        "entity": places.table or places.catalog_table or contract.dataset,
        "run-date": run_date.isoformat(),
        "run-id": run_id,
    }


def _list_earlier(s3: S3Client, contract: Contract, run_date: date) -> dict[str, int]:
    """Key → size in bytes of what earlier extractions of the date have left."""
    places = (raw_prefix(contract, run_date), dead_letters_prefix(contract, run_date))
    return {
        each.key: each.size
        for bucket, prefix in map(parse_s3_uri, places)
        for each in iter_objects(s3, bucket=bucket, prefix=prefix)
        if is_part_name(each.key.rpartition("/")[2])
    }


def _keys_contract(contract: Contract) -> Contract:
    """The primary key alone, as Parquet."""
    columns = tuple(each for each in contract.columns if each.name in contract.primary_key)
    return replace(contract, columns=columns, raw=Raw(format="parquet", compression="none"))


def _write_schema(s3: S3Client, contract: Contract) -> None:
    from etl.formats.proto_text import proto_text  # Google's library, which few runs need

    bucket, folder = parse_s3_uri(contract.places.raw)
    body = proto_text(contract).encode()
    put_bytes(s3, bucket=bucket, key=folder + SCHEMA_NAME, body=body, content_type="text/plain")
