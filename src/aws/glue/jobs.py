"""Read how a Glue job is set up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job.

    Attributes:
        role: The name or ARN of the role that its runs act as.
        glue_version: E.g. "5.1".
        script_uri: Where its script lies.
    """

    name: str
    role: str
    glue_version: str
    worker_type: str
    number_of_workers: int
    script_uri: str


def get_job(client: GlueClient, *, name: str) -> Job:
    """A job by its name.

    Raises:
        EntityNotFoundException: There is no such job.
    """
    found = client.get_job(JobName=name)["Job"]
    return Job(
        name=name,
        role=found.get("Role", ""),
        glue_version=found.get("GlueVersion", ""),
        worker_type=found.get("WorkerType", ""),
        number_of_workers=found.get("NumberOfWorkers", 0),
        script_uri=found.get("Command", {}).get("ScriptLocation", ""),
    )
