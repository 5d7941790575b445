"""Alerts: one message for each failure, with what failed, where, the cause and the next command.

Free of settings and Prefect, so that Lambdas can send them too.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from aws.clients import AwsConfig, make_client
from aws.sns import publish
from aws.sts import get_caller_identity
from etl.describe import describe_error

log = logging.getLogger("etl")

Format = Literal["text", "slack"]

_MARK = "…"
_CAUSE_LIMIT = 2_500
_BLOCK_LIMIT = 2_900  # Slack takes 3,000 characters in a section
_TITLE_LIMIT = 150  # Slack API reference, "Header block"
# Causes hold no secrets of ours; libraries have put passwords of URLs and keys into theirs.
_SECRETS = (
    (re.compile(r"(://[^\s:/@]*:)\S+(@)"), rf"\1{_MARK}\2"),  # passwords may hold / and @
    (
        re.compile(
            r"(?i)((?:password|passwd|secret|token|api[_-]?key|authorization)"
            r"[\"']?\s*[=:]\s*[\"']?(?:bearer\s+|basic\s+)?)[^\s\"',;&]+"
        ),
        rf"\1{_MARK}",
    ),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), _MARK),
)


@dataclass(frozen=True, kw_only=True)
class Alert:
    """A failure, as somebody who was not there has to be told.

    Attributes:
        what: What failed, e.g. "full-pipeline".
        step: In which step, where that is known.
        run_id: What finds it in the logs.
        next_command: What to do next, as it is typed.
    """

    what: str
    environment: str
    cause: str
    next_command: str = ""
    dataset: str = ""
    run_date: date | None = None
    step: str = ""
    run_id: str = ""

    @property
    def title(self) -> str:
        """The first line."""
        which = " ".join(filter(None, [self.dataset, str(self.run_date or "")]))
        return f"{self.what} failed in {self.environment}" + (f": {which}" if which else "")

    @property
    def where(self) -> dict[str, str]:
        """The places by name, as far as they are known."""
        named = {
            "environment": self.environment,
            "dataset": self.dataset,
            "run date": str(self.run_date or ""),
            "step": self.step,
            "run": self.run_id,
        }
        return {name: value for name, value in named.items() if value}


def dead_letter_alert(
    *, environment: str, queue: str, cause: str, dataset: str = "", source_key: str = ""
) -> Alert:
    """What to send when a message ends in a dead-letter queue.

    Args:
        source_key: The object that the message was about.
    """
    about = f"{source_key}: {cause}" if source_key else cause
    return Alert(
        what=f"a message to {queue}",
        environment=environment,
        dataset=dataset,
        step="dead-letter queue",
        cause=about,
        next_command=f"python -m etl redrive --env {environment}",
    )


def render_alert(alert: Alert, format: str = "text") -> str:
    """The message: lines of text, or the JSON that a Slack webhook takes."""
    cause = clean_cause(alert.cause)
    if format == "slack":
        return json.dumps(_slack(alert, cause), ensure_ascii=False)
    where = ", ".join(f"{name} {value}" for name, value in alert.where.items())
    lines = [alert.title, "", f"where: {where}", f"cause: {cause}"]
    if alert.next_command:
        lines.append(f"next:  {alert.next_command}")
    return "\n".join(lines) + "\n"


def send_alert(alert: Alert, *, topic: str | None, format: str, aws: AwsConfig) -> bool:
    """Tell everybody who has subscribed; whether it was sent.

    It never fails: what it tells of matters more. Where it cannot send, it logs why.

    Args:
        topic: The SNS topic's ARN, or its name in the caller's account and region; None for none.
    """
    if topic is None:
        return False
    patient = replace(aws, max_attempts=2, connect_timeout_seconds=3, read_timeout_seconds=5)
    try:
        arn = topic if topic.startswith("arn:") else _topic_arn(topic, patient)
        sns = make_client("sns", replace(patient, region=arn.split(":")[3]))
        publish(sns, topic_arn=arn, subject=alert.title, message=render_alert(alert, format))
    except Exception as error:
        log.warning("alert      not sent to %s: %s", topic, describe_error(error))
        return False
    return True


def clean_cause(cause: str) -> str:
    """A cause without what looks like a secret, and not too long."""
    for pattern, replacement in _SECRETS:
        cause = pattern.sub(replacement, cause)
    return cause if len(cause) <= _CAUSE_LIMIT else cause[:_CAUSE_LIMIT] + _MARK


def _topic_arn(name: str, aws: AwsConfig) -> str:
    caller = get_caller_identity(make_client("sts", aws))
    partition = caller.arn.split(":")[1]
    return f"arn:{partition}:sns:{aws.region}:{caller.account}:{name}"


def _slack(alert: Alert, cause: str) -> dict[str, object]:
    title = alert.title[:_TITLE_LIMIT]
    blocks: list[dict[str, object]] = [
        {"type": "header", "text": {"type": "plain_text", "text": title}},
        {
            "type": "section",
            "fields": [_markdown(f"*{name}*\n{_escaped(v)}") for name, v in alert.where.items()],
        },
        {"type": "section", "text": _markdown(f"*cause*\n```{_escaped(cause)[:_BLOCK_LIMIT]}```")},
    ]
    if alert.next_command:
        command = f"*next*\n```{_escaped(alert.next_command)}```"
        blocks.append({"type": "section", "text": _markdown(command)})
    return {"text": _escaped(title), "blocks": blocks}


def _markdown(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}


def _escaped(text: str) -> str:
    """What Slack's mrkdwn wants escaped."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
