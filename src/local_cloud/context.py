"""What every service of the embedded cloud is given: `Cloud`, and the children it starts."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from local_cloud.iam.guard import Guard
from local_cloud.iam.table import Permission

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

_MINDER = Path(__file__).with_name("minder.py")


@dataclass(frozen=True)
class Credentials:
    """The root key of one embedded cloud: generated with its home, worth nothing elsewhere."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


class Child(subprocess.Popen[Any]):
    """A process that dies with this one, however this one dies.

    `pid` is its minder's. `terminate` asks the command to end, `kill` ends its whole group.
    """

    def __init__(self, command: list[str], **popen: Any) -> None:
        reading, self._lifeline = os.pipe()
        try:
            super().__init__(
                [sys.executable, "-I", "-S", str(_MINDER), *command],
                stdin=reading,
                start_new_session=True,
                **popen,
            )
        except BaseException:
            self._cut_lifeline()
            raise
        finally:
            os.close(reading)

    def kill(self) -> None:
        """End the command and all it started, at once."""
        self._cut_lifeline()

    def __del__(self, *args: Any, **kwargs: Any) -> None:
        self._cut_lifeline()
        super().__del__(*args, **kwargs)

    def _cut_lifeline(self) -> None:
        lifeline, self._lifeline = self._lifeline, -1
        if lifeline >= 0:
            os.close(lifeline)


@dataclass
class Cloud:
    """One running embedded cloud.

    Attributes:
        home: Its data folder: state, object bytes, logs. Mode 0700.
        exports: What `env` prints beside the AWS variables; a service adds its own at install.
        mounts: Paths that are no AWS API ("/_source"), and the WSGI application behind each.
        save: Makes a service's state durable now ("glue"). What changes while a request is answered
            is saved before its answer; a thread that changes it at other times calls this.
        guard: What roles may do.
    """

    home: Path
    endpoint_url: str
    credentials: Credentials
    region: str = "us-east-1"
    account_id: str = "123456789012"
    exports: dict[str, str] = field(default_factory=dict)
    mounts: dict[str, WSGIApplication] = field(default_factory=dict)
    save: Callable[[str], None] = field(default=lambda service: None)
    guard: Guard = field(init=False, repr=False)
    # service names that are variables defeat its stubs
    _session: Any = field(default_factory=boto3.session.Session, init=False, repr=False)
    _clients: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    _clients_lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _children: list[Child] = field(default_factory=list, init=False)
    _first_uses: dict[str, Callable[[], None]] = field(default_factory=dict, init=False)
    _first_uses_lock: Any = field(default_factory=threading.RLock, init=False, repr=False)
    _on_ready: list[Callable[[], None]] = field(default_factory=list, init=False)
    _on_stop: list[Callable[[], None]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.guard = Guard(self.home, self.account_id, self.region)

    def client(self, service: str) -> Any:
        """A boto3 client of this cloud, as its root user; threads may share it."""
        with self._clients_lock:
            if service not in self._clients:
                self._clients[service] = self._make_client(service, self.environment())
            return self._clients[service]

    def client_with(self, service: str, variables: Mapping[str, str]) -> Any:
        """A boto3 client as somebody else, by the variables of `role_environment`."""
        with self._clients_lock:
            return self._make_client(service, variables)

    def _make_client(self, service: str, variables: Mapping[str, str]) -> Any:
        return self._session.client(
            service,
            endpoint_url=self.endpoint_url,
            region_name=self.region,
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=variables.get("AWS_SESSION_TOKEN"),
            config=Config(
                proxies={}, retries={"total_max_attempts": 2}, s3={"addressing_style": "path"}
            ),
        )

    def environment(self) -> dict[str, str]:
        """The standard variables that lead boto3 and the AWS command line to this cloud."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.credentials.secret_access_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
        }

    def spawn(self, command: list[str], **popen: Any) -> Child:
        """Start a child in a process group of its own that dies with this process.

        Args:
            popen: As for `subprocess.Popen`; standard input is taken and reads as empty.
        """
        child = Child(command, **popen)
        self._children = [c for c in self._children if c.poll() is None] + [child]
        return child

    def role_environment(self, role_arn: str, session_name: str, *, service: str) -> dict[str, str]:
        """As `environment`, with temporary credentials of a role instead of the root key.

        Args:
            service: Which service assumes it: "lambda.amazonaws.com".

        Raises:
            AccessDenied: The role does not trust the service, and policies are enforced.
        """
        self.guard.check_service(service, Permission("sts:AssumeRole", role_arn))
        granted = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName=session_name)
        return self.environment() | {
            "AWS_ACCESS_KEY_ID": granted["Credentials"]["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": granted["Credentials"]["SecretAccessKey"],
            "AWS_SESSION_TOKEN": granted["Credentials"]["SessionToken"],
        }

    def on_first_use(self, service: str, callback: Callable[[], None]) -> None:
        """Put off what only some need: called once, before a service's first request or state."""
        self._first_uses[service] = callback

    def use(self, service: str) -> None:
        """Have what `on_first_use` put off."""
        with self._first_uses_lock:
            if callback := self._first_uses.get(service):
                callback()
                del self._first_uses[service]

    def is_put_off(self, service: str) -> bool:
        """Whether nobody has needed a service yet, so that there is nothing in it."""
        return service in self._first_uses

    def on_ready(self, callback: Callable[[], None]) -> None:
        """Call `callback` once the saved state is back and requests are answered."""
        self._on_ready.append(callback)

    def ready(self) -> None:
        """Run the callbacks of `on_ready`, in order."""
        for callback in self._on_ready:
            callback()

    def on_stop(self, callback: Callable[[], None]) -> None:
        """Call `callback` when the cloud stops, last one first, before children are killed."""
        self._on_stop.append(callback)

    def stop(self) -> None:
        """Run the stop callbacks, then end every child that is left."""
        while self._on_stop:
            try:
                self._on_stop.pop()()
            except Exception as error:  # one service's failure must not keep the others running
                print(f"while stopping: {error!r}", file=sys.stderr)
        for child in self._children:
            child.kill()
        for child in self._children:
            child.wait(timeout=5)

    def object_path(self, bucket: str, key: str) -> Path | None:
        """The file that holds an object's current bytes: complete, and never changed again."""
        from local_cloud import storage

        return storage.object_path(bucket, key)

    def list_objects(self, bucket: str, prefix: str) -> list[tuple[str, int, Path]]:
        """Key, size in bytes and file of each current object under `prefix`, in key order."""
        from local_cloud import storage

        return storage.list_objects(bucket, prefix)
