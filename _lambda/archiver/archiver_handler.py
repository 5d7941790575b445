"""Lambda entry point: `archiver_handler.handle`. Archives old processed objects, a part at a time.

Event: EventBridge's schedule, or {"dry_run": true}; it also calls itself for the next part.
Reply: the report, see `etl.archiving.report`. The variable ETL_ARCHIVER holds the configuration.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from aws.clients import AwsConfig
from etl.archiving.config import VARIABLE, ArchiveConfig
from etl.archiving.function import run_part


def handle(event: Any, context: Any) -> dict[str, Any]:
    """Archive what is due, as far as the time allows."""
    logging.getLogger("etl").setLevel(logging.INFO)
    return run_part(
        ArchiveConfig.from_json(os.environ[VARIABLE]),
        event,
        aws=AwsConfig(region=os.environ["AWS_REGION"]),
        function_name=context.function_name,
        remaining_ms=context.get_remaining_time_in_millis,
    )
