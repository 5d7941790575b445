"""The rule that starts the archiver's function every night."""

from __future__ import annotations

from etl.settings import Settings
from local_cloud.context import Cloud
from local_cloud.permissions import permit


def schedule(cloud: Cloud, settings: Settings) -> None:
    """Have the function called by its schedule, and let it be."""
    wanted = settings.archiver
    functions, events = cloud.client("lambda"), cloud.client("events")
    found = functions.get_function(FunctionName=wanted.function_name)["Configuration"]
    rule = events.put_rule(Name=wanted.rule_name, ScheduleExpression=wanted.schedule)
    permit(
        functions,
        str(wanted.function_name),
        statement_id="schedule",
        service="events.amazonaws.com",
        source_arn=rule["RuleArn"],
    )
    target = {"Id": "archiver", "Arn": found["FunctionArn"]}
    events.put_targets(Rule=wanted.rule_name, Targets=[target])
