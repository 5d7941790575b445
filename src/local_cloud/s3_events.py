"""What S3 says of an object to queues, topics and functions, where moto says less or otherwise.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

from __future__ import annotations

import logging
import time
from typing import Any
from urllib.parse import quote_plus

from moto.s3 import notifications

from local_cloud.context import Cloud
from local_cloud.iam import AccessDenied, Permission

_SENDERS = (
    ("_send_sqs_message", "sqs:SendMessage", "sqs"),
    ("_send_sns_message", "sns:Publish", "sns"),
    ("_invoke_awslambda", "lambda:InvokeFunction", "lambda"),
)

_log = logging.getLogger(__name__)


def install(cloud: Cloud) -> None:
    """Have notifications carry keys as S3 writes them, a sequencer, and the version."""
    describe = notifications._get_s3_event

    def describe_fully(event_name: str, bucket: Any, key: Any, notification_id: str) -> Any:
        event = describe(event_name, bucket, key, notification_id)
        for record in event["Records"]:
            described = record["s3"]["object"]
            described["key"] = quote_plus(key.name, safe="/")
            described["sequencer"] = f"{time.time_ns():018X}"
            if bucket.is_versioned:
                described["versionId"] = key.version_id
        return event

    notifications._get_s3_event = describe_fully
    for name, action, service in _SENDERS:
        _send_if_allowed(cloud, name, action, service)


def _bucket(event: dict[str, Any]) -> str:
    if "Records" not in event:  # the one that tries a target out
        return str(event["Bucket"])
    return str(event["Records"][0]["s3"]["bucket"]["name"])


def _send_if_allowed(cloud: Cloud, name: str, action: str, service: str) -> None:
    """Send only what the policy of the queue, topic or function lets S3 send for the bucket."""
    send = getattr(notifications, name)

    def send_checked(account_id: str, event: Any, target: str, region: str) -> None:
        arn = target if ":" in target else f"arn:aws:{service}:{region}:{account_id}:{target}"
        bucket = f"arn:aws:s3:::{_bucket(event)}"
        try:
            cloud.guard.check_service("s3.amazonaws.com", Permission(action, arn), bucket)
        except AccessDenied as error:
            _log.warning("notification of %s: %s", bucket, error)
            return
        send(account_id, event, target, region)

    setattr(notifications, name, send_checked)
