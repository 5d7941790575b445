"""Usage limits of Redshift Serverless: kept and described. Nothing is counted here, nor refused."""

from __future__ import annotations

import uuid
from typing import Any

from local_cloud.redshift.serverless_errors import ServerlessError

Record = dict[str, Any]


class UsageLimits:
    """The limits of a region, by id."""

    def __init__(self, arn_prefix: str) -> None:
        self._prefix = arn_prefix
        self._limits: dict[str, Record] = {}

    def create(self, request: Record) -> Record:
        """A limit of a workgroup's."""
        for limit in self._limits.values():
            if all(limit[key] == request[key] for key in ("resourceArn", "usageType")):
                raise ServerlessError("ConflictException", "The resource has such a limit.")
        identifier = str(uuid.uuid4())
        limit = {
            "usageLimitId": identifier,
            "usageLimitArn": f"{self._prefix}:usagelimit/{identifier}",
            "resourceArn": request["resourceArn"],
            "usageType": request["usageType"],
            "amount": request["amount"],
            "period": request.get("period", "monthly"),
            "breachAction": request.get("breachAction", "log"),
        }
        self._limits[identifier] = limit
        return limit

    def find(self, identifier: str) -> Record:
        """The limit of this id."""
        if identifier not in self._limits:
            raise ServerlessError(
                "ResourceNotFoundException", f"Usage limit {identifier} was not found."
            )
        return self._limits[identifier]

    def update(self, request: Record) -> Record:
        """Change what can be changed of a limit."""
        limit = self.find(request["usageLimitId"])
        limit.update({k: v for k, v in request.items() if k in ("amount", "breachAction")})
        return limit

    def delete(self, identifier: str) -> Record:
        """Forget a limit."""
        self.find(identifier)
        return self._limits.pop(identifier)

    def of(self, resource_arn: str | None) -> list[Record]:
        """The limits of a resource, or all."""
        return [
            each for each in self._limits.values() if resource_arn in (None, each["resourceArn"])
        ]
