"""Glue: real scripts in real Spark, one process and one driver for each job run."""

from __future__ import annotations

from moto.glue.models import glue_backends

from local_cloud.context import Cloud
from local_cloud.glue.backend import EmbeddedGlueBackend
from local_cloud.glue.executor import Executor


def install(cloud: Cloud) -> None:
    """Put the executor into moto's Glue; before the first request."""
    EmbeddedGlueBackend.executor = Executor(cloud)
    glue_backends.backend = EmbeddedGlueBackend
