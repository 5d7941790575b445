"""What the processor is told by its environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from etl.errors import SettingsError

if TYPE_CHECKING:
    from etl.settings import Settings

_PREFIX = "PROCESSOR_"


@dataclass(frozen=True, kw_only=True)
class ProcessorOptions:
    """How objects are processed.

    Attributes:
        incoming_prefix, completed_prefix: Of keys in the bucket that sends the events.
        queue_url: Where messages come from.
        dead_letter_queue_url: Where a message goes that has failed for the last time.
        max_receive_count: How often a message is tried.
        retry_seconds: When a message that failed is tried again.
        object_limit_mib: The largest object, and the largest text when it is decompressed.
        alert_topic, alert_format: See `etl.alerts.send_alert`; "" for no topic.
    """

    environment: str
    processed_bucket: str
    artifacts_bucket: str
    queue_url: str
    dead_letter_queue_url: str
    incoming_prefix: str = "incoming/"
    completed_prefix: str = "completed/"
    max_receive_count: int = 3
    retry_seconds: int = 30
    object_limit_mib: int = 16
    alert_topic: str = ""
    alert_format: str = "text"

    @property
    def limit_bytes(self) -> int:
        """`object_limit_mib` in bytes."""
        return self.object_limit_mib * 1024 * 1024

    @property
    def rows_limit_bytes(self) -> int:
        """How large an object's rows may be: names and metadata make much of short records."""
        return 32 * self.limit_bytes

    @classmethod
    def of(cls, settings: Settings, account_id: str) -> ProcessorOptions:
        """What the environment's settings say."""
        wanted, queues = settings.processor, f"https://sqs.{settings.region}.amazonaws.com"
        return cls(
            environment=settings.environment,
            processed_bucket=settings.buckets.processed,
            artifacts_bucket=settings.buckets.artifacts,
            queue_url=f"{queues}/{account_id}/{wanted.queue_name}",
            dead_letter_queue_url=f"{queues}/{account_id}/{wanted.dead_letter_queue_name}",
            incoming_prefix=wanted.incoming_prefix,
            completed_prefix=wanted.completed_prefix,
            max_receive_count=wanted.max_receive_count,
            retry_seconds=wanted.retry_seconds,
            object_limit_mib=wanted.object_limit_mib,
            alert_topic=settings.alerts.topic_name or "",
            alert_format=settings.alerts.format,
        )

    def to_environment(self) -> dict[str, str]:
        """The function's variables, e.g. PROCESSOR_PROCESSED_BUCKET."""
        return {f"{_PREFIX}{name}".upper(): str(value) for name, value in asdict(self).items()}

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> ProcessorOptions:
        """What `to_environment` wrote.

        Raises:
            SettingsError: A variable is missing, or not a number where one is wanted.
        """
        names = {each.name: f"{_PREFIX}{each.name}".upper() for each in fields(cls)}
        given = {name: environ[variable] for name, variable in names.items() if variable in environ}
        numbers = {each.name for each in fields(cls) if each.type == "int"}
        try:
            values: Any = {k: int(v) if k in numbers else v for k, v in given.items()}
            return cls(**values)
        except (TypeError, ValueError) as error:
            raise SettingsError(
                f"the function's variables will not do: {error}",
                fix=f"set {', '.join(names.values())}",
            ) from error
