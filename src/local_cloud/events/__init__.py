"""EventBridge: rules by pattern and by schedule, their events delivered to functions, state
machines, queues and topics."""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from jsonpath_ng.ext.parser import parse as parse_path
from moto.events import models
from moto.events.exceptions import ValidationException
from moto.utilities.arns import parse_arn

from local_cloud.context import Cloud
from local_cloud.events.schedules import ScheduleError, parse_schedule
from local_cloud.iam import AccessDenied, Permission

_ACTIONS = {
    "lambda": "lambda:InvokeFunction",
    "states": "states:StartExecution",
    "sqs": "sqs:SendMessage",
    "sns": "sns:Publish",
}
_UNSUPPORTED = ("DeadLetterConfig", "InputTransformer", "RunCommandParameters", "EcsParameters")

_log = logging.getLogger(__name__)


class Rules:
    """Delivers events, and makes those of schedules."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._stopping = threading.Event()
        self._since: dict[str, datetime] = {}

    def start(self) -> None:
        """Look at the schedules once a minute."""
        threading.Thread(target=self._tick, daemon=True).start()

    def stop(self) -> None:
        """Make no more events."""
        self._stopping.set()

    def _tick(self) -> None:
        while not self._stopping.wait(60 - time.time() % 60):
            self.fire(datetime.now(UTC).replace(second=0, microsecond=0))

    def fire(self, minute: datetime) -> None:
        """Send the events of all schedules that are due in this minute."""
        backend = models.events_backends[self._cloud.account_id][self._cloud.region]
        for rule in backend.event_buses["default"].rules.values():
            if rule.state != "ENABLED" or not rule.scheduled_expression:
                continue
            since = self._since.setdefault(rule.arn, minute)
            if parse_schedule(rule.scheduled_expression).is_due(minute, since):
                self.deliver(rule, _scheduled_event(rule, minute))

    def deliver(self, rule: Any, event: dict[str, Any]) -> None:
        """Hand an event to every target of its rule, without waiting for what they do with it."""
        for target in rule.targets:
            content = _input(target, event)
            try:
                self._check(rule, target)
                self._send(target, content)
            except (AccessDenied, BotoCoreError, ClientError) as error:
                _log.warning("rule %s, target %s: %s", rule.name, target["Arn"], error)

    def _check(self, rule: Any, target: dict[str, Any]) -> None:
        """By the target's policy, or of a state machine by the role that the target names."""
        arn, guard = target["Arn"], self._cloud.guard
        permission = Permission(_ACTIONS[parse_arn(arn).service], arn)
        if "RoleArn" in target:
            guard.check_role(target["RoleArn"], permission)
        else:
            guard.check_service("events.amazonaws.com", permission, source_arn=rule.arn)

    def _send(self, target: dict[str, Any], content: str) -> None:
        arn = target["Arn"]
        match parse_arn(arn).service:
            case "lambda":
                function = self._cloud.client("lambda")
                function.invoke(FunctionName=arn, InvocationType="Event", Payload=content)
            case "states":
                machine = self._cloud.client("stepfunctions")
                machine.start_execution(stateMachineArn=arn, input=content)
            case "sns":
                self._cloud.client("sns").publish(TopicArn=arn, Message=content)
            case "sqs":
                sqs = self._cloud.client("sqs")
                url = sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
                group = target.get("SqsParameters", {})
                sqs.send_message(QueueUrl=url, MessageBody=content, **group)


def _scheduled_event(rule: Any, minute: datetime) -> dict[str, Any]:
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": rule.account_id,
        "time": minute.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": rule.region_name,
        "resources": [rule.arn],
        "detail": {},
    }


def _input(target: dict[str, Any], event: dict[str, Any]) -> str:
    """What a target gets of an event."""
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        found = parse_path(target["InputPath"]).find(event)
        return json.dumps(found[0].value if found else {})
    return json.dumps(event)


def _refuse_unsupported(targets: list[dict[str, Any]]) -> None:
    for target in targets:
        named = [each for each in _UNSUPPORTED if each in target]
        service = parse_arn(target["Arn"]).service
        if named or service not in _ACTIONS:
            raise ValidationException(
                f"The embedded cloud sends events to {', '.join(_ACTIONS)}, as they are or by"
                f" Input and InputPath; not {', '.join(named) or service}."
            )


def install(cloud: Cloud) -> None:
    """Deliver events for real."""
    rules = Rules(cloud)
    put_rule = models.EventsBackend.put_rule
    put_targets = models.EventsBackend.put_targets

    def put_known_rule(backend: Any, *args: Any, **kwargs: Any) -> Any:
        if expression := kwargs.get("scheduled_expression"):
            try:
                parse_schedule(expression)
            except ScheduleError as error:
                raise ValidationException(f"ScheduleExpression is not valid: {error}") from error
        return put_rule(backend, *args, **kwargs)

    def put_known_targets(backend: Any, name: Any, bus: Any, targets: Any) -> None:
        _refuse_unsupported(targets)
        put_targets(backend, name, bus, targets)

    def send(rule: Any, original_event: Any, transform_input: bool = True) -> None:
        pattern = rule.event_pattern  # one without content, of a schedule, would match everything
        matches = bool(pattern.get_pattern()) and pattern.matches_event(original_event)
        if rule.state == "ENABLED" and matches:
            moment = datetime.fromtimestamp(float(original_event["time"]), UTC)
            stated = {"time": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}
            rules.deliver(rule, {**original_event, **stated})

    setattr(models.EventsBackend, put_rule.__name__, put_known_rule)
    setattr(models.EventsBackend, put_targets.__name__, put_known_targets)
    setattr(models.Rule, "send_to_targets", send)
    cloud.mounts["/_cloud/tick"] = _ticking(rules)
    cloud.on_ready(rules.start)
    cloud.on_stop(rules.stop)


def _ticking(rules: Rules) -> Any:
    """The application behind /_cloud/tick/2026-01-02T02:00: the schedules of that minute fire."""

    def application(environ: Any, start_response: Any) -> list[bytes]:
        minute = datetime.fromisoformat(environ["PATH_INFO"].strip("/")).replace(tzinfo=UTC)
        rules.fire(minute)
        start_response("204 No Content", [])
        return [b""]

    return application
