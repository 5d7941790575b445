"""Our Glue job beside one written by hand for the same orders, in turns on one embedded cloud.

Both are job runs of Glue's, from StartJobRun until it has ended, so that both start a driver, read
the same raw objects from S3 and write there. The last line is our time divided by the other's.
With `--conf`, our job with a Spark option takes its turn, too, and is divided by ours without.

    python -m bench.spark --rows 1000000 --repeat 5
    python -m bench.spark --rows 1000000 --conf spark.sql.codegen.wholeStage=false
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.project import ROOT, carried_day

_SCRIPT = ROOT / "bench" / "contestants" / "bare_spark.py"
_BARE = "bench-bare"
_PROCESSED = "s3://etl-local-processed/processed/bare/"
_WAITING = ("STARTING", "RUNNING", "WAITING")


def main() -> None:
    """Measure, print each figure, and the ratio last."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=5, help="times each is measured")
    parser.add_argument(
        "--conf", action="append", default=[], metavar="OPTION=VALUE", help="may be given again"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="etl-bench-") as name:
        with carried_day(Path(name), options.rows, engine="spark") as (counts, _):
            compare(options.repeat, counts.loaded, options.conf)


def compare(repeat: int, loaded: int, conf: list[str]) -> None:
    """Run both by turns."""
    import boto3

    glue, s3 = boto3.client("glue"), boto3.client("s3")
    name = "etl-local-transform"
    arguments = glue.get_job_runs(JobName=name)["JobRuns"][0]["Arguments"]
    _make_bare_job(glue, s3, like=name)
    bare = {
        "--raw_uris": ",".join(_raw_uris(s3, arguments["--manifest_uri"])),
        "--processed_uri": _PROCESSED,
        "--quarantine_uri": "s3://etl-local-quarantine/quarantine/bare/",
    }
    jobs = {"ours": (name, arguments), "by hand": (_BARE, bare)}
    jobs |= {each: (name, arguments | {"--conf": each}) for each in conf}
    seconds: dict[str, list[float]] = {each: [] for each in jobs}
    for turn in range(1, repeat + 1):
        for each, job in jobs.items():
            seconds[each].append(_run(glue, *job))
            print(f"{turn}: {each} {seconds[each][-1]:.1f} s", flush=True)
    _check(s3, loaded)
    medians = {each: statistics.median(found) for each, found in seconds.items()}
    for each in conf:
        print(f"{each} {medians[each] / medians['ours']:.2f}")
    print(f"{medians['ours'] / medians['by hand']:.2f}")


def _raw_uris(s3: Any, manifest_uri: str) -> list[str]:
    bucket, _, key = manifest_uri.removeprefix("s3://").partition("/")
    manifest = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    return [each["uri"] for each in manifest["objects"]]


def _make_bare_job(glue: Any, s3: Any, *, like: str) -> None:
    """The job by hand, with our job's role, workers and settings."""
    ours = glue.get_job(JobName=like)["Job"]
    bucket = ours["Command"]["ScriptLocation"].split("/")[2]
    folder = ours["Command"]["ScriptLocation"].rpartition("/")[0].partition(f"{bucket}/")[2]
    s3.put_object(Bucket=bucket, Key=f"{folder}/bare_spark.py", Body=_SCRIPT.read_bytes())
    command = ours["Command"] | {"ScriptLocation": f"s3://{bucket}/{folder}/bare_spark.py"}
    kept = ("Role", "GlueVersion", "WorkerType", "NumberOfWorkers", "Timeout", "ExecutionProperty")
    glue.create_job(Name=_BARE, Command=command, **{each: ours[each] for each in kept})


def _run(glue: Any, name: str, arguments: dict[str, str]) -> float:
    began = time.monotonic()
    run_id = glue.start_job_run(JobName=name, Arguments=arguments)["JobRunId"]
    while True:
        run = glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]
        if run["JobRunState"] not in _WAITING:
            break
        time.sleep(0.05)
    if run["JobRunState"] != "SUCCEEDED":
        raise SystemExit(f"{name} {run['JobRunState']}: {run.get('ErrorMessage')}")
    return time.monotonic() - began


def _check(s3: Any, loaded: int) -> None:
    """Both end with the same rows, or it is no comparison."""
    import pyarrow.dataset

    bucket, _, prefix = _PROCESSED.removeprefix("s3://").partition("/")
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
    with tempfile.TemporaryDirectory() as folder:
        for number, each in enumerate(listed):
            s3.download_file(bucket, each["Key"], f"{folder}/{number}.parquet")
        rows = pyarrow.dataset.dataset(folder).count_rows()
    if rows != loaded:
        raise SystemExit(f"the job by hand: {rows} rows, not {loaded}")


if __name__ == "__main__":
    main()
