"""The validator beside reading the same processed files with awswrangler.

A day of orders goes through the pipeline once; its processed rows are then written again and
again, with other keys, until there are as many as wanted. Each is a process of its own, by turns,
that reads from the embedded cloud's S3: ours, the validator's deployment package as Lambda starts
it, judges the run by all of its contract's checks; the other reads the files into a DataFrame and
does nothing with it. The last lines are the other's wall and memory divided by ours.

    python -m bench.validator --rows 10000000 --repeat 5
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.measuring import Usage, measure
from bench.project import PEERS_PYTHON, ROOT, RUN_DATE, carried_day, peers_python

_DAY_ROWS = 100_000
_FILE_ROWS = 1_000_000
_KEY = "order_id"
OURS = """
import sys
*path, contract, metrics, run_date = sys.argv[1:]
sys.path[:0] = path
from datetime import date
import boto3
from etl.validation.function import validate_processed
verdict = validate_processed(
    boto3.client("s3"), contract_uri=contract, metrics_uri=metrics,
    run_date=date.fromisoformat(run_date),
)
assert verdict.passed, verdict
print(verdict.rows)
"""
THEIRS = """
import sys
import awswrangler
print(len(awswrangler.s3.read_parquet(sys.argv[1], dataset=True)))
"""


def main() -> None:
    """Measure, print each figure, and the ratios last."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeat", type=int, default=5, help="times each is measured")
    parser.add_argument("--peers", type=peers_python, default=PEERS_PYTHON)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="etl-bench-") as name:
        folder = Path(name)
        with carried_day(folder, _DAY_ROWS, engine="duckdb") as (_, environ):
            print(f"writing {options.rows:,} processed rows", flush=True)
            contract, metrics, processed = multiply(options.rows, folder)
            # Nothing that is installed here is seen: -S, and no variable of Python's: -I.
            bare = [sys.executable, "-I", "-S", "-c", OURS, *deployed(folder / "cloud")]
            ours = [*bare, contract, metrics, str(RUN_DATE)]
            theirs = [options.peers, "-c", THEIRS, processed]
            compare(ours, theirs, options.repeat, options.rows, environ, folder)


def deployed(home: Path) -> list[str]:
    """Where Lambda's Python finds the validator: its package, and the SDK of the runtime."""
    (handler,) = (home / "lambda" / "code").glob("*/validator_handler.py")
    return [str(handler.parent), str(home / "lambda" / "sdk")]


def multiply(rows: int, folder: Path) -> tuple[str, str, str]:
    """Put files of so many rows in the place of the run's.

    Returns:
        The URIs of the run's contract and metrics, and the prefix of its processed files.
    """
    import boto3
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    s3 = boto3.client("s3")
    metrics_uri, metrics = _find(s3, "etl-local-artifacts", "runs/", "metrics.json")
    _, manifest = _find(s3, "etl-local-raw", "raw/", "_manifest.json")
    first = metrics["files"][0]["uri"]
    bucket, _, key = first.removeprefix("s3://").partition("/")
    path = folder / "day.parquet"
    s3.download_file(bucket, key, str(path))
    day = pq.read_table(path)
    prefix, written = key.rpartition("/")[0], 0
    files: list[dict[str, Any]] = []
    copies = itertools.count()
    s3.delete_object(Bucket=bucket, Key=key)
    while written < rows:
        name = f"{prefix}/bench-{len(files):05d}.snappy.parquet"
        with pq.ParquetWriter(path, day.schema, compression="snappy") as writer:
            until = min(rows, written + _FILE_ROWS)
            while written < until:
                part = day.slice(0, until - written)
                keys = pc.binary_join_element_wise(part[_KEY], pa.scalar(f"{next(copies):04d}"), "")
                place = part.schema.get_field_index(_KEY)
                writer.write_table(part.set_column(place, day.schema.field(_KEY), keys))
                written += part.num_rows
        s3.upload_file(str(path), bucket, name)
        files.append({"uri": f"s3://{bucket}/{name}", "bytes": path.stat().st_size})
    metrics["files"] = files
    metrics["rows"] |= {"read": rows, "valid": rows, "quarantined": 0, "deduplicated": 0}
    bucket_of, _, metrics_key = metrics_uri.removeprefix("s3://").partition("/")
    s3.put_object(Bucket=bucket_of, Key=metrics_key, Body=json.dumps(metrics).encode())
    return manifest["contract_uri"], metrics_uri, f"s3://{bucket}/{prefix}/"


def _find(s3: Any, bucket: str, prefix: str, name: str) -> tuple[str, dict[str, Any]]:
    """The URI of the one object of that name, and what it says."""
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
    key = next(each["Key"] for each in listed if each["Key"].endswith(f"/{name}"))
    uri = f"s3://{bucket}/{key}"
    return uri, json.loads(_read(s3, uri))


def _read(s3: Any, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def compare(
    ours: list[str],
    theirs: list[str],
    repeat: int,
    rows: int,
    environ: dict[str, str],
    folder: Path,
) -> None:
    """Run both by turns."""
    found: dict[str, list[Usage]] = {"ours": [], "awswrangler": []}
    for turn in range(1, repeat + 1):
        for name, command in (("ours", ours), ("awswrangler", theirs)):
            used = measure(command, environ=environ, cwd=ROOT, folder=folder)
            if int(used.output.split()[-1]) != rows:
                raise SystemExit(f"{name}: {used.output.strip()} rows, not {rows}")
            found[name].append(used)
            print(f"{turn}: {name:12} {used.wall:6.1f} s {used.memory_mib:7.0f} MiB", flush=True)
    for figure in ("wall", "memory_mib"):
        own, other = (
            statistics.median(getattr(each, figure) for each in found[name])
            for name in ("ours", "awswrangler")
        )
        print(f"{figure} {other / own:.1f}")


if __name__ == "__main__":
    main()
