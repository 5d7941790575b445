"""The archiver's function: what it is told, and the rule that starts it every night."""

from __future__ import annotations

from etl.archiving.config import VARIABLE, ArchiveConfig
from etl.settings import Settings
from local_cloud.context import Cloud


def environment(settings: Settings) -> dict[str, str]:
    """The function's variables."""
    return {VARIABLE: ArchiveConfig.of(settings).to_json()}


def schedule(cloud: Cloud, settings: Settings) -> None:
    """Have the function called by its schedule.

    It is not called again when it fails: it has sent an alert, and the next night mends what is
    left.
    """
    wanted = settings.archiver
    functions, events = cloud.client("lambda"), cloud.client("events")
    found = functions.get_function(FunctionName=wanted.function_name)["Configuration"]
    known = functions.list_function_event_invoke_configs(FunctionName=wanted.function_name)
    if not known["FunctionEventInvokeConfigs"]:
        functions.put_function_event_invoke_config(
            FunctionName=wanted.function_name, MaximumRetryAttempts=0
        )
    events.put_rule(Name=wanted.rule_name, ScheduleExpression=wanted.schedule)
    target = {"Id": "archiver", "Arn": found["FunctionArn"]}
    events.put_targets(Rule=wanted.rule_name, Targets=[target])
