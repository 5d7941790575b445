"""Step Functions' answers that moto does not have. Imported late: so is its interpreter."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.stepfunctions.parser.api import InvalidDefinition
from moto.stepfunctions.responses import StepFunctionResponse


def install() -> None:
    """Add ValidateStateMachineDefinition and ListStateMachineVersions."""
    for action in (validate_state_machine_definition, list_state_machine_versions):
        setattr(StepFunctionResponse, action.__name__, action)


def validate_state_machine_definition(response: Any) -> ActionResult:
    """What CreateStateMachine would say."""
    diagnostics = []
    try:
        response.stepfunction_backend._validate_definition(
            definition=response._get_param("definition")
        )
    except InvalidDefinition as error:
        diagnostics = [
            {"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": str(error)}
        ]
    result = "FAIL" if diagnostics else "OK"
    return ActionResult({"result": result, "diagnostics": diagnostics, "truncated": False})


def list_state_machine_versions(response: Any) -> ActionResult:
    """A machine's versions, the latest first."""
    arn = response._get_param("stateMachineArn")
    versions = response.stepfunction_backend.describe_state_machine(arn).versions
    found = [
        {"stateMachineVersionArn": each.arn, "creationDate": each.creation_date}
        for _, each in sorted(versions.items(), reverse=True)
    ]
    return ActionResult({"stateMachineVersions": found})
