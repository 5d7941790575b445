"""The transform in the flow's own process: it ends with it, and nothing goes on behind its back."""

from __future__ import annotations

import json
import threading
import time

from etl import keys
from etl.duckdb.transform import Limits, transform
from etl.manifest import Manifest
from etl.run import Run
from etl.transform import TransformResult, read_result
from etl.transforming import Lineage

# A transform takes the memory that settings give to one, and all cores: a backfill's dates would
# not be sooner side by side.
_at_work = threading.Lock()


def transform_here(run: Run, manifest: Manifest) -> TransformResult:
    """Do what the Glue job does, and leave what it leaves.

    Raises:
        StorageError: S3 refuses access, or an object is gone.
    """
    contract, settings, s3 = run.contract, run.settings.transform, run.client("s3")
    with _at_work:
        started = time.monotonic()
        metrics = transform(
            s3,
            contract=contract,
            manifest=manifest,
            run_date=run.run_date,
            lineage=Lineage(run_id=run.run_id, ingested_at=run.started_at),
            processed_uri=keys.processed_uri(contract, run.run_date),
            quarantine_uri=keys.quarantine_uri(contract, run.run_date),
            limits=Limits(memory_mib=settings.memory_mib, threads=settings.threads),
            slices=run.settings.warehouse.slices,
            before_replacing=run.confirm,
        )
    for name, content in (("drift.json", metrics["drift"]), ("metrics.json", metrics)):
        run.write(run.uri(name), json.dumps(content, indent=1, ensure_ascii=False))
    return read_result(
        s3,
        run.uri("metrics.json"),
        manifest,
        run_id=run.run_id,
        execution_seconds=round(time.monotonic() - started),
    )
