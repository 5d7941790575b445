"""The Glue job, one for every contract: raw lines into processed and quarantined rows."""

from __future__ import annotations

import json
import sys
from datetime import date, datetime
from typing import Any

import boto3
from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext

from aws.s3 import get_bytes, put_bytes
from etl.keys import parse_s3_uri
from etl.manifest import read_manifest
from etl.model import Contract
from etl.spark.transform import transform
from etl.transforming import Lineage

ARGUMENTS = [
    "JOB_NAME",
    "dataset",
    "run_date",
    "manifest_uri",
    "manifest_digest",
    "contract_uri",
    "processed_uri",
    "quarantine_uri",
    "metrics_uri",
    "slices",
    "run_id",
    "ingested_at",
]


def main() -> None:
    """Run the job with the arguments that Glue gives."""
    options = getResolvedOptions(sys.argv, ARGUMENTS)
    glue = GlueContext(SparkContext.getOrCreate())
    job = Job(glue)
    job.init(options["JOB_NAME"], options)
    s3 = boto3.client("s3")

    manifest = read_manifest(s3, options["manifest_uri"])
    if manifest.digest != options["manifest_digest"]:
        raise SystemExit(f"{options['manifest_uri']} has been replaced since this run was started")
    bucket, key = parse_s3_uri(options["contract_uri"])
    contract = Contract.from_json(get_bytes(s3, bucket=bucket, key=key).decode())

    metrics = transform(
        glue.spark_session,
        contract=contract,
        manifest=manifest,
        run_date=date.fromisoformat(options["run_date"]),
        lineage=Lineage(
            run_id=options["run_id"], ingested_at=datetime.fromisoformat(options["ingested_at"])
        ),
        processed_uri=options["processed_uri"],
        quarantine_uri=options["quarantine_uri"],
        slices=int(options["slices"]),
    )
    folder = options["metrics_uri"].rpartition("/")[0]
    _write(s3, f"{folder}/drift.json", metrics["drift"])
    _write(s3, options["metrics_uri"], metrics)
    job.commit()


def _write(s3: Any, uri: str, content: dict[str, Any]) -> None:
    bucket, key = parse_s3_uri(uri)
    body = json.dumps(content, indent=1, ensure_ascii=False).encode()
    put_bytes(s3, bucket=bucket, key=key, body=body, content_type="application/json")


main()
