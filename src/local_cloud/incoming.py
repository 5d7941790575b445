"""What leads from an object under incoming/ to the processor: notification, queues, mapping."""

from __future__ import annotations

import json
from typing import Any

from etl.processing.options import ProcessorOptions
from etl.settings import Settings
from local_cloud.context import Cloud

_KEPT_SECONDS = 14 * 24 * 3600  # the longest that SQS keeps messages


def put_queues(cloud: Cloud, settings: Settings) -> ProcessorOptions:
    """Create the queues, or set them up anew; what the function is to be told."""
    wanted, sqs = settings.processor, cloud.client("sqs")
    kept = {"MessageRetentionPeriod": str(_KEPT_SECONDS)}
    dead_url = _put_queue(sqs, wanted.dead_letter_queue_name, kept)
    redrive = {
        "deadLetterTargetArn": _arn(cloud, wanted.dead_letter_queue_name),
        "maxReceiveCount": wanted.max_receive_count,
    }
    attributes = kept | {
        "VisibilityTimeout": str(wanted.visibility_seconds),
        "RedrivePolicy": json.dumps(redrive),
        "Policy": json.dumps(_policy(cloud, settings)),
    }
    return ProcessorOptions(
        environment=settings.environment,
        processed_bucket=settings.buckets.processed,
        artifacts_bucket=settings.buckets.artifacts,
        queue_url=_put_queue(sqs, wanted.queue_name, attributes),
        dead_letter_queue_url=dead_url,
        incoming_prefix=wanted.incoming_prefix,
        completed_prefix=wanted.completed_prefix,
        max_receive_count=wanted.max_receive_count,
        retry_seconds=wanted.retry_seconds,
        object_limit_mib=wanted.object_limit_mib,
        alert_topic=settings.alerts.topic_name or "",
        alert_format=settings.alerts.format,
    )


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


def _put_queue(sqs: Any, name: str, attributes: dict[str, str]) -> str:
    """A queue with these attributes; its URL."""
    try:
        url: str = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    except sqs.exceptions.QueueDoesNotExist:
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    if any(found.get(key) != value for key, value in attributes.items()):
        sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    return url


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
