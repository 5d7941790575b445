"""Read how a function is set up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function.

    Attributes:
        runtime: E.g. "python3.12"; "" for a container image.
        state: "Pending", "Active", "Inactive" or "Failed".
    """

    name: str
    runtime: str
    memory_mb: int
    storage_mb: int
    timeout_seconds: int
    role_arn: str
    state: str


def get_function(client: LambdaClient, *, name: str) -> Function:
    """A function by its name.

    Raises:
        ResourceNotFoundException: There is no such function.
    """
    found = client.get_function_configuration(FunctionName=name)
    return Function(
        name=name,
        runtime=found.get("Runtime", ""),
        memory_mb=found["MemorySize"],
        storage_mb=found.get("EphemeralStorage", {"Size": 512})["Size"],
        timeout_seconds=found["Timeout"],
        role_arn=found["Role"],
        state=found.get("State", "Active"),
    )
