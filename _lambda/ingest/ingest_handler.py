"""Lambda entry point: `ingest_handler.handle`, behind an HTTP API (payload format 2.0).

Environment: ARTIFACTS_BUCKET, BODY_LIMIT_BYTES, BATCH_LIMIT; ON_ACCEPT if something is started.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from aws.clients import AwsConfig, make_client
from etl.ingest.api import Api
from etl.ingest.bodies import Limits
from etl.ingest.starting import make_starter


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request."""
    return _api(context.invoked_function_arn).respond(event)


@cache
def _api(function_arn: str) -> Api:
    # One for all invocations of a warm function.
    on_accept = os.environ.get("ON_ACCEPT")
    return Api(
        s3=make_client("s3", AwsConfig(region=os.environ["AWS_REGION"])),
        artifacts_bucket=os.environ["ARTIFACTS_BUCKET"],
        limits=Limits(
            body_bytes=int(os.environ["BODY_LIMIT_BYTES"]),
            records=int(os.environ["BATCH_LIMIT"]),
        ),
        on_accept=make_starter(on_accept, function_arn=function_arn) if on_accept else None,
    )
