"""Lambda entry point: `pipeline_handler.handle`. Does one step of the state machine.

Event: {"step": "look", "entered_at": "…", "run": {"dataset", "run_date", "execution",
"started_at", "contract_uri"}, "given": {…}}
Reply: small JSON, by step; see `etl.batch`. What is large lies on S3.
The environment is $ETL_ENV, one of the config/ files in this archive.
"""

from __future__ import annotations

import logging
import os
from functools import cache
from typing import Any

from etl.batch.function import run_step
from etl.settings import Settings, load_settings

logging.getLogger("etl").setLevel(logging.INFO)


def handle(event: Any, context: object) -> dict[str, Any]:
    """Do the step that the event names."""
    return run_step(event, _settings())


@cache
def _settings() -> Settings:
    return load_settings(os.environ["ETL_ENV"])
