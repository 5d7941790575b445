"""The environment that is examined, and the commands that would mend it."""

from __future__ import annotations

import json
import shlex
import threading
from dataclasses import dataclass, field, replace
from typing import Any

from aws.clients import AwsConfig, make_client
from aws.sts import Identity
from etl.settings import Settings

_CONNECT_SECONDS = 5
_READ_SECONDS = 15


@dataclass(frozen=True, kw_only=True)
class Patient:
    """An environment, as one caller sees it.

    Attributes:
        identity: Who calls; None while that is not known.
    """

    settings: Settings
    identity: Identity | None = None
    _clients: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def aws(self) -> AwsConfig:
        """The settings', with less patience."""
        return replace(
            self.settings.aws,
            max_attempts=2,
            connect_timeout_seconds=_CONNECT_SECONDS,
            read_timeout_seconds=_READ_SECONDS,
        )

    def client(self, service: str) -> Any:
        """A client that does not wait long, shared by the checks: making one is slow."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = make_client(service, self.aws)
            return self._clients[service]

    def command(self, *words: str) -> str:
        """An `aws` command line in the environment's region, by its profile."""
        profile = ["--profile", self.settings.profile] if self.settings.profile else []
        return shlex.join(["aws", *words, "--region", self.settings.region, *profile])

    def sign_in(self) -> str:
        """The command that gets credentials."""
        profile = f" --profile {self.settings.profile}" if self.settings.profile else ""
        return f"aws sso login{profile} || aws configure{profile}"

    def allow(self, action: str, resource: str = "*") -> str:
        """The command that allows the caller an action."""
        statement = {"Effect": "Allow", "Action": action, "Resource": resource}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        kind, name = _principal(self.identity.arn if self.identity else "")
        if not kind:
            return f"allow {action} on {resource} to {name or 'the caller'}"
        return self.command(
            *("iam", f"put-{kind}-policy", f"--{kind}-name", name),
            *("--policy-name", "etl-" + action.replace(":", "-")),
            *("--policy-document", policy),
        )


def _principal(arn: str) -> tuple[str, str]:
    """What a policy can be given to: "role" or "user", or "", and its name."""
    kind, *names = arn.rpartition(":")[2].split("/")
    if kind == "assumed-role" and not names[0].startswith("AWSReservedSSO_"):
        return "role", names[0]
    if kind == "user":
        return "user", names[-1]
    return "", arn
