"""A subscriber of the topic of alerts, for as long as a tour takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aws.sqs import iter_messages
from aws.sts import get_caller_identity
from local_cloud.tour.steps import Shown, Tour, wait_for

_WAIT_SECONDS = 60
_HIDE_SECONDS = 300


@contextmanager
def subscribed(tour: Tour) -> Iterator[Callable[[], Shown]]:
    """Subscribe a queue to the alerts while the block lasts; what is given waits for one."""
    sqs, sns = tour.client("sqs"), tour.client("sns")
    account = get_caller_identity(tour.client("sts")).account
    name = tour.settings.alerts.topic_name
    topic = f"arn:aws:sns:{tour.settings.region}:{account}:{name}"
    queue = f"{name}-tour-{tour.token}"
    arn = f"arn:aws:sqs:{tour.settings.region}:{account}:{queue}"
    url = sqs.create_queue(QueueName=queue, Attributes={"Policy": _policy(arn, topic)})["QueueUrl"]
    subscription = sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=arn,
        Attributes={"RawMessageDelivery": "true"},
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    heard: list[str] = []

    def find() -> str | None:
        messages = iter_messages(sqs, queue_url=url, hide_seconds=_HIDE_SECONDS)
        heard.extend(each.body for each in messages)
        return next((each for each in heard if tour.token in each), None)

    def show() -> Shown:
        alert = wait_for("the alert of the dead letter", find, seconds=_WAIT_SECONDS)
        others = f", {len(heard) - 1} more" if len(heard) > 1 else ""
        return Shown(
            step="what was told of it",
            answer=f"alert: {alert.splitlines()[0]}{others}",
            place=f"SNS {name}",
        )

    try:
        yield show
    finally:
        sns.unsubscribe(SubscriptionArn=subscription)
        sqs.delete_queue(QueueUrl=url)


def _policy(queue: str, topic: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
