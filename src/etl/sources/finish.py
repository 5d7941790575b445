"""The last step of a run: what the source has to remember or to do once the load has committed."""

from __future__ import annotations

from dataclasses import dataclass

from etl.manifest import Manifest
from etl.model import Contract
from etl.sources.records import SourceContext
from etl.state import write_progress


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What became of the source's files."""

    kept: int = 0
    moved: int = 0
    deleted: int = 0


def finish_source(contract: Contract, manifest: Manifest, context: SourceContext) -> Finished:
    """Keep how far the source was read. Doing it again changes nothing."""
    if manifest.progress and context.backfill_from is None:
        s3 = context.client("s3")
        write_progress(s3, context.state_prefix, manifest.run_date, manifest.progress)
    return Finished()
