"""A lease: who has something to itself, as the object that stands for it says."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aws.s3 import read_tagged, swap_object
from etl.errors import StorageError
from etl.keys import parse_s3_uri
from etl.storage import explain_storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_TIMES = ("since", "renewed_at")


@dataclass(frozen=True, kw_only=True)
class Lease:
    """Who has it.

    Attributes:
        holder: What no other holder is called: an execution's ARN, or a run's own id.
        who: The holder, for people.
        host: The machine of its process; "" for an execution.
        seconds: A process that has not renewed it for so long has died.
        is_over: Whether the holder has given it back.
    """

    holder: str
    who: str
    host: str
    seconds: float
    since: datetime = dataclasses.field(default_factory=lambda: datetime.now(UTC))
    renewed_at: datetime = dataclasses.field(default_factory=lambda: datetime.now(UTC))
    is_over: bool = False

    @property
    def is_of_execution(self) -> bool:
        """Whether an execution of the state machine holds it."""
        return self.holder.startswith("arn:")

    def renewed(self) -> Lease:
        """The same, with word from its holder."""
        return dataclasses.replace(self, renewed_at=datetime.now(UTC))

    def to_json(self) -> str:
        """For people, and for `from_json`."""
        content = dataclasses.asdict(self)
        return json.dumps(content, default=datetime.isoformat, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Lease:
        """What `to_json` wrote."""
        content = json.loads(text)
        times = {name: datetime.fromisoformat(content[name]) for name in _TIMES}
        return cls(**content | times)


@dataclass(frozen=True)
class Found:
    """A lease as it was read; `etag` stands for this version of it."""

    lease: Lease
    etag: str


class Place:
    """The object that a lease is kept in.

    Attributes:
        what: What its holder has to itself, for people.
    """

    def __init__(self, s3: S3Client, uri: str, *, what: str) -> None:
        self._s3 = s3
        self._uri = uri
        self._bucket, self._key = parse_s3_uri(uri)
        self.what = what

    def read(self) -> Found | None:
        """The lease; None if nobody has ever had it."""
        with explain_storage_errors(self._uri):
            found = read_tagged(self._s3, bucket=self._bucket, key=self._key)
        if found is None:
            return None
        try:
            return Found(Lease.from_json(found.body.decode()), found.etag)
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(
                f"{self._uri} is not what a run keeps there: {error!r}",
                fix=f"see that no run of {self.what} is at work, and delete it",
            ) from error

    def swap(self, lease: Lease, etag: str | None) -> str | None:
        """Put a lease in place of the one that was read; its ETag, or None if that has changed."""
        with explain_storage_errors(self._uri):
            return swap_object(
                self._s3,
                bucket=self._bucket,
                key=self._key,
                body=lease.to_json().encode(),
                etag=etag,
                content_type="application/json",
            )
