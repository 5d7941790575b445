"""The Glue job of the transform, as Glue's CreateJob takes it."""

from __future__ import annotations

from typing import Any

from etl.settings import Settings

GLUE_VERSION = "5.1"  # that the transform is tested with: Spark 3.5, Python 3.11


def job_definition(settings: Settings, *, script: str, library: str) -> dict[str, Any]:
    """All but the job's name and role.

    Args:
        script, library: s3:// URIs of _glue-job/transform.py and of etl.zip.
    """
    wanted = settings.glue
    return {
        "Command": {"Name": "glueetl", "PythonVersion": "3", "ScriptLocation": script},
        "DefaultArguments": {"--enable-metrics": "true", "--extra-py-files": library},
        "ExecutionProperty": {"MaxConcurrentRuns": wanted.max_concurrent_runs},
        "MaxRetries": 0,  # the pipeline tries again, and knows which failures may be tried
        "GlueVersion": GLUE_VERSION,
        "WorkerType": wanted.worker_type,
        "NumberOfWorkers": wanted.number_of_workers,
        "Timeout": wanted.timeout_minutes,
    }
