"""The rule that starts the archiver's function every night."""

from __future__ import annotations

from etl.settings import Settings
from local_cloud.context import Cloud


def schedule(cloud: Cloud, settings: Settings) -> None:
    """Have the function called by its schedule."""
    wanted = settings.archiver
    functions, events = cloud.client("lambda"), cloud.client("events")
    found = functions.get_function(FunctionName=wanted.function_name)["Configuration"]
    events.put_rule(Name=wanted.rule_name, ScheduleExpression=wanted.schedule)
    target = {"Id": "archiver", "Arn": found["FunctionArn"]}
    events.put_targets(Rule=wanted.rule_name, Targets=[target])
