"""Read how a workgroup is set up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient


@dataclass(frozen=True, kw_only=True)
class Workgroup:
    """A workgroup.

    Attributes:
        output_location: Where its queries' results go; None if each query has to say.
        manages_results: Whether Athena keeps the results itself.
    """

    name: str
    enabled: bool
    output_location: str | None
    manages_results: bool


def get_workgroup(client: AthenaClient, *, name: str) -> Workgroup:
    """A workgroup by its name.

    Raises:
        InvalidRequestException: There is no such workgroup.
    """
    found = client.get_work_group(WorkGroup=name)["WorkGroup"]
    configuration = found.get("Configuration", {})
    managed = configuration.get("ManagedQueryResultsConfiguration", {})
    return Workgroup(
        name=name,
        enabled=found.get("State", "ENABLED") == "ENABLED",
        output_location=configuration.get("ResultConfiguration", {}).get("OutputLocation"),
        manages_results=managed.get("Enabled", False),
    )
