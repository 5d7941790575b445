"""What leads from an object under incoming/ to the processor: notification, queues, mapping."""

from __future__ import annotations

import json
from typing import Any

from etl.settings import Settings
from local_cloud.context import Cloud

_SECONDS_A_DAY = 24 * 3600


def put_queues(cloud: Cloud, settings: Settings) -> None:
    """Create the queues, or set them up anew."""
    wanted, sqs = settings.processor, cloud.client("sqs")
    kept = {"MessageRetentionPeriod": str(wanted.retention_days * _SECONDS_A_DAY)}
    _put_queue(sqs, wanted.dead_letter_queue_name, kept)
    redrive = {
        "deadLetterTargetArn": _arn(cloud, wanted.dead_letter_queue_name),
        "maxReceiveCount": wanted.max_receive_count,
    }
    attributes = kept | {
        "VisibilityTimeout": str(wanted.visibility_seconds),
        "RedrivePolicy": json.dumps(redrive),
        "Policy": json.dumps(_policy(cloud, settings)),
    }
    _put_queue(sqs, wanted.queue_name, attributes)


def connect(cloud: Cloud, settings: Settings) -> None:
    """Have S3 tell the queue of incoming objects, and Lambda poll the queue for the function."""
    wanted, functions = settings.processor, cloud.client("lambda")
    queue_arn = _arn(cloud, wanted.queue_name)
    _notify(cloud.client("s3"), settings, queue_arn)
    found = functions.list_event_source_mappings(
        FunctionName=wanted.function_name, EventSourceArn=queue_arn
    )["EventSourceMappings"]
    if not found:
        functions.create_event_source_mapping(
            FunctionName=wanted.function_name,
            EventSourceArn=queue_arn,
            BatchSize=wanted.batch_size,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )
    elif found[0]["BatchSize"] != wanted.batch_size:
        functions.update_event_source_mapping(UUID=found[0]["UUID"], BatchSize=wanted.batch_size)


def _notify(s3: Any, settings: Settings, queue_arn: str) -> None:
    bucket = settings.buckets.raw
    rule = {"Name": "prefix", "Value": settings.processor.incoming_prefix}
    wanted = {
        "Id": "incoming",
        "QueueArn": queue_arn,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [rule]}},
    }
    found = s3.get_bucket_notification_configuration(Bucket=bucket)
    if found.get("QueueConfigurations") != [wanted]:
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [wanted]}
        )


def _put_queue(sqs: Any, name: str, attributes: dict[str, str]) -> None:
    """Make a queue have these attributes."""
    try:
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    except sqs.exceptions.QueueDoesNotExist:
        sqs.create_queue(QueueName=name, Attributes=attributes)
        return
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    if any(found.get(key) != value for key, value in attributes.items()):
        sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)


def _policy(cloud: Cloud, settings: Settings) -> dict[str, Any]:
    """Only S3 sends, and only for the raw bucket of this account."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": _arn(cloud, settings.processor.queue_name),
        "Condition": {
            "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{settings.buckets.raw}"},
            "StringEquals": {"aws:SourceAccount": cloud.account_id},
        },
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _arn(cloud: Cloud, queue_name: str) -> str:
    return f"arn:aws:sqs:{cloud.region}:{cloud.account_id}:{queue_name}"
