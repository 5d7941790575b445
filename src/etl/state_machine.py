"""The state machine's definition for one environment: its file, with names filled in."""

from __future__ import annotations

import json
import re
from pathlib import Path

from etl.errors import SettingsError
from etl.root import ROOT
from etl.settings import Settings

DEFINITION = ROOT / "stepfunctions" / "full_pipeline.asl.json"
# Of one execution, whose history holds 25,000 events. The definition says it too.
MOST_DATASETS = 50
PLACEHOLDERS = frozenset(
    {
        "database",
        "glue_job_name",
        "partition",
        "pipeline_function_arn",
        "topic_arn",
        "validator_function_arn",
        "warehouse_kind",
        "warehouse_name",
    }
)
_PLACEHOLDER = re.compile(r"\$\{(\w*)\}")


def placeholders(settings: Settings, account_id: str) -> dict[str, str]:
    """A value for each of `PLACEHOLDERS`.

    Raises:
        SettingsError: There is no topic for its alerts, or a cluster's user is set.
    """
    warehouse, topic = settings.warehouse, settings.alerts.topic_name
    if topic is None:
        raise SettingsError(
            f"{settings.environment} has no topic that the state machine could tell failures to",
            fix="set alerts.topic_name in config/",
        )
    if warehouse.db_user:
        raise SettingsError(
            "the state machine speaks to the warehouse as its own role, not as warehouse.db_user",
            fix="leave db_user out, and give the role's user its rights",
        )
    regional = f"{settings.region}:{account_id}"
    functions = f"arn:{settings.partition}:lambda:{regional}:function"
    named = f"arn:{settings.partition}:sns:{regional}:{topic}"
    serverless = warehouse.kind == "serverless"
    return {
        "pipeline_function_arn": f"{functions}:{settings.state_machine.function_name}",
        "validator_function_arn": f"{functions}:{settings.validator.function_name}",
        "glue_job_name": settings.glue.job_name,
        "topic_arn": topic if topic.startswith("arn:") else named,
        "partition": settings.partition,
        "database": warehouse.database,
        "warehouse_kind": "WorkgroupName" if serverless else "ClusterIdentifier",
        "warehouse_name": str(warehouse.workgroup_name or warehouse.cluster_identifier),
    }


def render(settings: Settings, account_id: str, *, path: Path = DEFINITION) -> str:
    """The definition as Step Functions takes it.

    Raises:
        SettingsError: A placeholder has no value.
    """
    known = placeholders(settings, account_id)
    text = path.read_text(encoding="utf-8")
    if unknown := sorted(set(_PLACEHOLDER.findall(text)) - set(known)):
        raise SettingsError(
            f"{path.name} names ${{{'}, ${'.join(unknown)}}}, which nothing fills in",
            fix=f"use one of {', '.join(known)}",
        )
    return _PLACEHOLDER.sub(lambda found: json.dumps(known[found[1]])[1:-1], text)


def state_machine_arn(settings: Settings, account_id: str) -> str:
    """The state machine's ARN."""
    place = f"{settings.region}:{account_id}"
    return f"arn:{settings.partition}:states:{place}:stateMachine:{settings.state_machine.name}"
