"""The last step of a run: what the source has to remember or to do once the load has committed."""

from __future__ import annotations

from dataclasses import dataclass

from etl.manifest import Manifest
from etl.model import Contract
from etl.sources.files.settle import settle_files
from etl.sources.records import SourceContext
from etl.state import write_progress


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What became of the source's files."""

    kept: int = 0
    moved: int = 0
    deleted: int = 0


def finish_source(contract: Contract, manifest: Manifest, context: SourceContext) -> Finished:
    """Keep how far the source was read, and move or delete its files. Doing it again is harmless.

    A backfill leaves everything as it is.

    Raises:
        SourceError: The run of another date has taken a file at the same time.
        StorageError: A bucket is missing or refuses access.
    """
    if not manifest.progress or context.backfill_from is not None:
        return Finished()
    if contract.source.kind == "file":
        return Finished(**settle_files(contract, manifest, context))
    write_progress(context.client("s3"), context.state_prefix, manifest.run_date, manifest.progress)
    return Finished()
