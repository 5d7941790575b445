"""Athena: SQL that runs, in DuckDB, over the Glue catalogue's tables on S3."""

from __future__ import annotations

import logging

from moto.athena.models import athena_backends

from local_cloud.athena.backend import EmbeddedAthenaBackend
from local_cloud.athena.executor import Executor
from local_cloud.context import Cloud


def install(cloud: Cloud) -> None:
    """Put the executor into moto's Athena; before the first request."""
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of what is refused anyway
    EmbeddedAthenaBackend.executor = Executor(cloud)
    athena_backends.backend = EmbeddedAthenaBackend
