"""What S3 says of an object to queues, topics and functions, where moto says less or otherwise.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote_plus

from moto.s3 import notifications

from local_cloud.context import Cloud


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
