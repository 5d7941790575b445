"""What every contestant works on: a folder of orders, and a cloud of its own that takes them.

Ours runs in a copy of this project, in which the contract of orders reads that folder and merges
by key; nothing else of it is changed.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from local_cloud.source_orders import Counts, expected_counts, iter_orders  # noqa: E402

PEERS_PYTHON = str(ROOT / ".venv-bench" / "bin" / "python")
RUN_DATE = date(2026, 1, 1)
BUCKETS = ("raw", "processed", "quarantine")
_LEFT = shutil.ignore_patterns(".*", "__pycache__", "build", "bench", "docs")
_FILES = 8
_SOURCE = re.compile(r"  - server: source\n.*?(?=  - server: raw\n)", re.DOTALL)


def peers_python(path: str) -> str:
    """The interpreter that has the peers, for argparse."""
    if not Path(path).exists():
        raise argparse.ArgumentTypeError(f"{path} is not there; make .venv-bench/stamp")
    return path


def write_orders(folder: Path, rows: int) -> Counts:
    """Eight files of JSON lines, gzipped: one day, with its bad records and its duplicates."""
    folder.mkdir(parents=True)
    per_file = -(-rows // _FILES)
    for number in range(_FILES):
        texts = iter_orders(RUN_DATE, number * per_file, min(rows, (number + 1) * per_file))
        with gzip.open(folder / f"orders-{number}.jsonl.gz", "wb", compresslevel=1) as file:
            file.writelines(text.encode() + b"\n" for text in texts)
    return expected_counts(rows)


def copy_project(target: Path, orders: Path | None = None) -> Path:
    """This project; with a folder of orders as a team would have it whose orders come as files."""
    shutil.copytree(ROOT, target, ignore=_LEFT)
    if orders is None:
        return target
    path = target / "config" / "contracts" / "orders.odcs.yaml"
    source_text = f"""  - server: source
    type: local
    path: {orders}/
    format: json
    delimiter: new_line
    customProperties:
      - property: sourceSystem
        value: shop
"""
    text = _SOURCE.sub(lambda _: source_text, path.read_text())
    replaced = text.replace(
        "loadMode # a run date's rows replace that date's rows\n        value: replace",
        "loadMode\n        value: merge",
    )
    assert text != replaced
    path.write_text(replaced)
    return target


@contextmanager
def cloud(home: Path, project: Path) -> Iterator[dict[str, str]]:
    """An embedded cloud of the project's; the variables that lead to it."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "ETL_", "PG"))}
    environ |= {"LOCAL_CLOUD_HOME": str(home), "PYTHONPATH": str(project / "src")}
    command = [sys.executable, "-m", "local_cloud"]
    lines = subprocess.check_output([*command, "attach"], env=environ, text=True, cwd=project)
    environ |= dict(line.split("=", 1) for line in lines.splitlines())
    try:
        yield environ
    finally:
        subprocess.run([*command, "down"], env=environ, cwd=project, check=True)


def below_redshift(home: Path, environ: dict[str, str]) -> str:
    """What connects to the PostgreSQL below a cloud's Redshift."""
    from local_cloud.redshift.postgres_host import socket_folder

    below = socket_folder(home / "redshift")
    return f"host={below} port=5432 user=postgres dbname={environ['PGDATABASE']}"


@contextmanager
def prefect_server(home: Path) -> Iterator[str]:
    """The server that a team has: the URL of its API."""
    environ = os.environ | {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
    }
    environ.pop("PREFECT_API_URL", None)
    command = [sys.executable, str(ROOT / "src" / "etl" / "tasks" / "serve.py")]
    with subprocess.Popen(
        command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:  # which ends when its standard input does
        assert server.stdout
        yield server.stdout.readline().removeprefix("url ").strip()


@contextmanager
def carried_day(folder: Path, rows: int, *, engine: str) -> Iterator[tuple[Counts, dict[str, str]]]:
    """A cloud in which a day of so many orders has gone through the pipeline; this process uses it.

    Yields:
        The day's counts, and the variables that lead to the cloud.
    """
    print(f"writing {rows:,} orders", flush=True)
    counts = write_orders(folder / "orders", rows)
    project = copy_project(folder / "project", folder / "orders")
    with cloud(folder / "cloud", project) as environ:
        os.environ.update(environ)
        flow = str(project / "flows" / "full_pipeline.py")
        command = [sys.executable, flow, "--run-date", str(RUN_DATE), "--engine", engine]
        subprocess.run(command, check=True, env=environ, stdout=subprocess.DEVNULL)
        yield counts, environ


def empty(s3: Any, warehouse: Any) -> None:
    """As before the first load: no object of any run, no table."""
    for bucket in (*BUCKETS, "artifacts"):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=f"etl-local-{bucket}")
        keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
        doomed = [each for each in keys if bucket != "artifacts" or each.startswith("runs/")]
        for start in range(0, len(doomed), 1000):
            objects = [{"Key": key} for key in doomed[start : start + 1000]]
            s3.delete_objects(Bucket=f"etl-local-{bucket}", Delete={"Objects": objects})
    empty_warehouse(warehouse)


def empty_warehouse(warehouse: Any) -> None:
    """No table of the orders, and an empty schema for the others'."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'bench%'"
        )
        for (schema,) in cursor.fetchall():
            cursor.execute(f'DROP SCHEMA "{schema}" CASCADE')
        cursor.execute("CREATE SCHEMA bench")
        for table in ("orders", "orders__ledger", "orders__superseded"):
            cursor.execute(f"DROP TABLE IF EXISTS public.{table}")
