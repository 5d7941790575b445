"""`make bench`: our pipeline beside what a team would use instead, and the floor below all of them.

Each contestant does the same work from the same files, by turns, in one run on this machine: raw
kept on S3, bad records kept apart, the latest of each key, partitioned Parquet on S3, rows merged
into the table. Fresh: the table is empty; filled: the same day once more, over what is there. S3
and Redshift are the embedded cloud's for all of them; they and Prefect's server run before, and
only the contestant's own processes count.

    python -m bench.run --rows 1000000 --repeat 5
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measuring import measure
from bench.project import (
    PEERS_PYTHON,
    ROOT,
    RUN_DATE,
    below_redshift,
    cloud,
    copy_project,
    empty,
    peers_python,
    prefect_server,
    write_orders,
)
from bench.report import Measure, compare_with_kept, show, summarise, write


@dataclass(frozen=True)
class Contestant:
    """Who takes part.

    Attributes:
        table: Where its rows end.
        how: What it does itself, and what is done around it.
    """

    name: str
    command: tuple[str, ...]
    table: str
    how: str


def contestants(peers: str) -> list[Contestant]:
    """All of them.

    Args:
        peers: The interpreter of .venv-bench.
    """
    pipeline = ("{project}/flows/full_pipeline.py", "--run-date", str(RUN_DATE), "--json")

    def peer(script: str) -> tuple[str, ...]:
        return (peers, "-m", f"bench.contestants.{script}")

    around = "records checked in Python around it"
    return [
        Contestant(
            "ours, DuckDB",
            (sys.executable, *pipeline, "--engine", "duckdb"),
            "public.orders",
            "the whole flow: Prefect's task runs, lease, manifest, checks, ledger, report",
        ),
        Contestant(
            "ours, Spark",
            (sys.executable, *pipeline, "--engine", "spark"),
            "public.orders",
            "the same flow; the Glue job's CPU, memory and dollars are not among these",
        ),
        Contestant(
            "dlt",
            peer("dlt_orders"),
            "bench_dlt.orders",
            f"Arrow → staged Parquet → COPY → merge; {around}",
        ),
        Contestant(
            "awswrangler",
            peer("wrangler"),
            "bench.wrangler",
            f"to_parquet → COPY → upsert; {around}",
        ),
        Contestant(
            "plain script",
            peer("plain"),
            "bench.plain",
            "pandas, boto3, execute_values; no library does the rest",
        ),
        Contestant(
            "floor",
            peer("floor"),
            "bench.floor",
            "DuckDB, one upload a file, binary COPY below Redshift; for these records only",
        ),
    ]


def main() -> int:
    """Measure, show, keep; 1 if a ratio is more than a fifth worse than what was kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=5, help="each is measured so often")
    parser.add_argument("--peers", type=peers_python, default=PEERS_PYTHON)
    names = [each.name for each in contestants(PEERS_PYTHON)]
    parser.add_argument("--only", action="append", choices=names, help="may be repeated")
    parser.add_argument("--keep", action="store_true", help="keep the results in bench/results/")
    options = parser.parse_args()
    chosen = [c for c in contestants(options.peers) if not options.only or c.name in options.only]
    with tempfile.TemporaryDirectory(prefix="etl-bench-") as name:
        folder = Path(name)
        print(f"writing {options.rows:,} orders", flush=True)
        counts = write_orders(folder / "orders", options.rows)
        project = copy_project(folder / "project", folder / "orders")
        with (
            cloud(folder / "cloud", project) as environ,
            prefect_server(folder / "prefect") as url,
        ):
            environ["PREFECT_API_URL"] = url
            found = _measure_all(chosen, options.repeat, folder, environ, counts.loaded)
    results = summarise(found, rows=options.rows)
    show(results, {each.name: each.how for each in chosen})
    slower = compare_with_kept(results)
    if options.keep:
        write(results, {each.name: each.how for each in chosen})
    return 1 if slower else 0


def _measure_all(
    chosen: list[Contestant], repeat: int, folder: Path, environ: dict[str, str], loaded: int
) -> list[Measure]:
    os.environ.update({k: v for k, v in environ.items() if k.startswith(("AWS_", "PG"))})
    import boto3
    import psycopg2

    s3, warehouse = boto3.client("s3"), psycopg2.connect("")
    warehouse.autocommit = True
    environ |= {
        "BENCH_ORDERS": str(folder / "orders"),
        "BENCH_POSTGRES": below_redshift(folder / "cloud", environ),
        "SSL_CERT_FILE": environ["PGSSLROOTCERT"],  # where redshift_connector looks
        "DLT_DATA_DIR": str(folder / "dlt"),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "BENCH_COPY_ROLE": "arn:aws:iam::123456789012:role/etl-local-redshift-copy",
    }
    found = []
    for turn in range(1, repeat + 1):
        for each in chosen:
            empty(s3, warehouse)
            words = [word.format(project=folder / "project") for word in each.command]
            for state in ("fresh", "filled"):
                measured = _measure(each, state, words, environ, folder)
                _check(warehouse, each, loaded)
                found.append(measured)
                print(
                    f"{turn}/{repeat}  {each.name:14} {state:7} {measured.wall:7.1f} s"
                    f"  {measured.cpu:7.1f} s CPU  {measured.memory_mib:7.0f} MiB",
                    flush=True,
                )
    warehouse.close()
    return found


def _measure(
    contestant: Contestant, state: str, command: list[str], environ: dict[str, str], folder: Path
) -> Measure:
    used = measure(command, environ=environ, cwd=ROOT, folder=folder)
    return Measure(
        name=contestant.name,
        state=state,
        wall=used.wall,
        cpu=used.cpu,
        memory_mib=used.memory_mib,
    )


def _check(warehouse: Any, contestant: Contestant, loaded: int) -> None:
    """All end with the same rows, or it is no comparison."""
    with warehouse.cursor() as cursor:
        cursor.execute(f"SELECT count(*), count(DISTINCT order_id) FROM {contestant.table}")
        found = cursor.fetchone()
    if found != (loaded, loaded):
        raise SystemExit(f"{contestant.name}: {found} rows and keys, not {loaded}")


if __name__ == "__main__":
    sys.exit(main())
