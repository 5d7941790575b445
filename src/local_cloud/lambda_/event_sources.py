"""Event source mappings from SQS: pollers that hand a queue's messages to a function, as AWS does.

moto would call the function inside SendMessage, and wait.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Sequence
from typing import Any

import boto3
import moto.awslambda.models as models
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from moto.awslambda.exceptions import InvalidParameterValueException
from moto.sqs.models import sqs_backends

from local_cloud.context import Cloud
from local_cloud.iam import AccessDenied
from local_cloud.lambda_.workers import SERVICE

_POLLERS = 2
_RECEIVED_AT_ONCE = 10  # the most that ReceiveMessage gives
_WAIT_SECONDS = 5
_PAUSE_SECONDS = 1.0
_CREDENTIALS_SECONDS = 1800.0
_LONGEST_FUNCTION_SECONDS = 900
_UNSUPPORTED = (
    "AmazonManagedKafkaEventSourceConfig",
    "DestinationConfig",
    "DocumentDBEventSourceConfig",
    "FilterCriteria",
    "ProvisionedPollerConfig",
    "SelfManagedEventSource",
    "TumblingWindowInSeconds",
)
_PARTIAL = "ReportBatchItemFailures"

_log = logging.getLogger(__name__)


class EventSources:
    """The mappings of one cloud, each polled while it is there and enabled."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._polled: set[str] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def start_all(self) -> None:
        """Go on with the mappings that were saved."""
        backend = models.lambda_backends[self._cloud.account_id][self._cloud.region]
        for mapping in backend._event_source_mappings.values():
            self.start(mapping)

    def start(self, mapping: models.EventSourceMapping) -> None:
        """Poll for a mapping, unless it is polled already."""
        with self._lock:
            if not mapping.enabled or mapping.uuid in self._polled:
                return
            self._polled.add(mapping.uuid)
        pollers = [
            threading.Thread(target=self._poll, args=(mapping,), daemon=True)
            for _ in range(_POLLERS)
        ]
        threading.Thread(target=self._watch, args=(mapping, pollers), daemon=True).start()

    def stop(self) -> None:
        """Poll no more."""
        self._stopping.set()

    def _watch(
        self, mapping: models.EventSourceMapping, pollers: Sequence[threading.Thread]
    ) -> None:
        for each in pollers:
            each.start()
        for each in pollers:
            each.join()
        with self._lock:
            self._polled.discard(mapping.uuid)

    def _is_wanted(self, mapping: models.EventSourceMapping) -> bool:
        return not self._stopping.is_set() and bool(mapping.enabled) and not _is_deleted(mapping)

    def _poll(self, mapping: models.EventSourceMapping) -> None:
        poller = _Poller(self._cloud, mapping)
        while self._is_wanted(mapping):
            try:
                messages = poller.receive()
                if messages and self._is_wanted(mapping):
                    poller.handle(messages)
            except (AccessDenied, BotoCoreError, ClientError) as error:
                if self._is_wanted(mapping):
                    _log.warning("event source of %s: %s", mapping.function_arn, error)
                self._stopping.wait(_PAUSE_SECONDS)


class _Poller:
    """Receives and deletes as the function's role, like Lambda's own pollers."""

    def __init__(self, cloud: Cloud, mapping: models.EventSourceMapping) -> None:
        self._cloud, self._mapping = cloud, mapping
        self._queue_name = mapping.event_source_arn.rpartition(":")[2]
        self._renew_at = 0.0

    def receive(self) -> list[dict[str, Any]]:
        """The next messages; none if none came for a while."""
        sqs = self._client()
        wanted = self._mapping.batch_size
        messages: list[dict[str, Any]] = []
        until = time.monotonic() + float(self._mapping.max_batch_window or 0)
        while len(messages) < wanted:
            answer = sqs.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=min(_RECEIVED_AT_ONCE, wanted - len(messages)),
                WaitTimeSeconds=0 if messages else _WAIT_SECONDS,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            found = answer.get("Messages", [])
            messages += found
            if not messages or (not found and time.monotonic() >= until):
                break
            if not found:
                time.sleep(0.1)
        return messages

    def handle(self, messages: list[dict[str, Any]]) -> None:
        """Run the function with the messages, and delete those that it did not fail."""
        event = {"Records": [_record(each, self._mapping) for each in messages]}
        answer = self._lambda.invoke(
            FunctionName=self._mapping.function_arn, Payload=json.dumps(event).encode()
        )
        payload = answer["Payload"].read()
        if answer.get("FunctionError"):
            return  # they come back when their visibility timeout has passed
        failed = set[str]()
        if _PARTIAL in (self._mapping.function_response_types or ()):
            failed = _failed_ids(payload, {each["MessageId"] for each in messages})
        done = [each for each in messages if each["MessageId"] not in failed]
        for start in range(0, len(done), _RECEIVED_AT_ONCE):
            self._client().delete_message_batch(
                QueueUrl=self._queue_url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": each["ReceiptHandle"]}
                    for number, each in enumerate(done[start : start + _RECEIVED_AT_ONCE])
                ],
            )

    def _client(self) -> Any:
        if time.monotonic() > self._renew_at:
            backend = models.lambda_backends[self._cloud.account_id][self._cloud.region]
            function = backend.get_function(self._mapping.function_arn)
            granted = self._cloud.role_environment(
                function.role, "event-source-mapping", service=SERVICE
            )
            url = self._cloud.client("sqs").get_queue_url(QueueName=self._queue_name)["QueueUrl"]
            arguments: dict[str, Any] = {
                "endpoint_url": self._cloud.endpoint_url,
                "region_name": self._cloud.region,
                "aws_access_key_id": granted["AWS_ACCESS_KEY_ID"],
                "aws_secret_access_key": granted["AWS_SECRET_ACCESS_KEY"],
                "aws_session_token": granted["AWS_SESSION_TOKEN"],
            }
            config = Config(proxies={}, read_timeout=_WAIT_SECONDS + 30)
            self._sqs: Any = boto3.session.Session().client("sqs", config=config, **arguments)
            self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
            self._queue_url = url
            # Lambda itself runs the function: its role need not be allowed to.
            self._lambda: Any = boto3.session.Session().client(
                "lambda",
                endpoint_url=self._cloud.endpoint_url,
                region_name=self._cloud.region,
                aws_access_key_id=self._cloud.credentials.access_key_id,
                aws_secret_access_key=self._cloud.credentials.secret_access_key,
                config=Config(
                    proxies={},
                    read_timeout=_LONGEST_FUNCTION_SECONDS + 30,
                    retries={"total_max_attempts": 1},
                ),
            )
            self._renew_at = time.monotonic() + _CREDENTIALS_SECONDS
        return self._sqs


def _record(message: dict[str, Any], mapping: models.EventSourceMapping) -> dict[str, Any]:
    """A message as a function gets it.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """
    attributes = {
        name: {
            "dataType": each["DataType"],
            "stringListValues": [],
            "binaryListValues": [],
            "stringValue": each.get("StringValue"),
        }
        for name, each in message.get("MessageAttributes", {}).items()
    }
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": attributes,
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": mapping.event_source_arn,
        "awsRegion": mapping.region,
    }


def _failed_ids(payload: bytes, sent: set[str]) -> set[str]:
    """The messages that the function says it failed; all of them if what it says makes no sense.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    answer = json.loads(payload or b"null")
    if not answer:
        return set()
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else ()
    if not failures:
        return set() if failures in (None, []) else sent
    try:
        named = {each["itemIdentifier"] for each in failures}
    except (KeyError, TypeError):
        return sent
    return named if named <= sent else sent


def _is_deleted(mapping: models.EventSourceMapping) -> bool:
    backend = models.lambda_backends[mapping.account_id][mapping.region]
    return mapping.uuid not in backend._event_source_mappings


def install(cloud: Cloud) -> None:
    """Put pollers behind moto's event source mappings."""
    sources = EventSources(cloud)
    create = models.LambdaBackend.create_event_source_mapping
    update = models.LambdaBackend.update_event_source_mapping

    def create_polled(backend: Any, spec: dict[str, Any]) -> models.EventSourceMapping:
        _refuse_unsupported(spec)
        mapping = create(backend, spec)
        for queue in sqs_backends[mapping.account_id][mapping.region].queues.values():
            queue.lambda_event_source_mappings.clear()
        sources.start(mapping)
        return mapping

    def update_polled(backend: Any, uuid: str, spec: dict[str, Any]) -> Any:
        _refuse_unsupported(spec)
        mapping = update(backend, uuid, spec)
        if mapping is not None:
            sources.start(mapping)
        return mapping

    setattr(models.LambdaBackend, create.__name__, create_polled)
    setattr(models.LambdaBackend, update.__name__, update_polled)
    cloud.on_ready(sources.start_all)
    cloud.on_stop(sources.stop)


def _refuse_unsupported(spec: dict[str, Any]) -> None:
    named = [each for each in _UNSUPPORTED if spec.get(each)]
    source = spec.get("EventSourceArn") or ""
    if named or (source and ":sqs:" not in source):
        what = ", ".join(named) or source
        raise InvalidParameterValueException(
            f"The embedded cloud polls SQS queues, without filters and destinations; not {what}."
        )
