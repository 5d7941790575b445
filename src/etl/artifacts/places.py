"""Where a run's data lies, with links to the AWS console."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from urllib.parse import quote, urlencode

from etl.artifacts.artifact import Artifact, artifact_key, code, plain, table
from etl.keys import parse_s3_uri


def places_artifact(
    dataset: str,
    run_date: date,
    places: Mapping[str, str],
    *,
    region: str,
    has_console: bool,
) -> Artifact:
    """Every place of a run's report, those on S3 with a link.

    Args:
        has_console: Whether the environment can be looked at in the AWS console.
    """
    rows = []
    for name, place in places.items():
        is_link = has_console and place.startswith("s3://")
        link = f"[open]({s3_console_url(place, region=region)})" if is_link else ""
        rows.append([plain(name), code(place), link][: 3 if has_console else 2])
    header = ["what", "where", "AWS console"][: 3 if has_console else 2]
    hint = f"On the command line: {code('aws s3 ls --recursive <where>')}"
    return Artifact(
        key=artifact_key(dataset, "places"),
        content=f"{table(header, rows)}\n\n{hint}\n",
        description=f"Where {plain(dataset)} of {run_date} lies",
    )


def console_host(region: str) -> str:
    """The console of a region, e.g. https://eu-west-1.console.aws.amazon.com."""
    if region.startswith("cn-"):
        return f"https://{region}.console.amazonaws.cn"
    if region.startswith("us-gov-"):
        return f"https://{region}.console.amazonaws-us-gov.com"
    return f"https://{region}.console.aws.amazon.com"


def s3_console_url(uri: str, *, region: str) -> str:
    """The console's page of an s3:// prefix or object."""
    bucket, key = parse_s3_uri(uri)
    page = "buckets" if key.endswith("/") or not key else "object"
    query = urlencode({"region": region, "prefix": key}, quote_via=quote, safe="/")
    return f"{console_host(region)}/s3/{page}/{bucket}?{query}"


def glue_console_url(job_name: str, run_id: str, *, region: str) -> str:
    """The console's page of a Glue job run."""
    return (
        f"{console_host(region)}/gluestudio/home?region={region}"
        f"#/job/{quote(job_name, safe='')}/run/{quote(run_id, safe='')}"
    )
