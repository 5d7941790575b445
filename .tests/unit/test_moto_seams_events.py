"""What event sources and Step Functions take from inside moto, which promises none of it."""

from __future__ import annotations

import inspect
from typing import Any

import moto.apigatewayv2.models as apigateway
import moto.awslambda.models as awslambda
from moto.events import models as events
from moto.s3 import notifications
from moto.stepfunctions.parser import models as parser_models
from moto.stepfunctions.parser.asl.component.state.choice.comparison.operator.implementations import (  # noqa: E501  one name
    is_operator,
    timestamp_operators,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_aws_sdk as sdk_task,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_glue as glue_task,
)
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.parser.backend import execution


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def source(function: Any) -> str:
    return inspect.getsource(function)


def test_lambda_feeds_queues_through_mappings_that_can_be_polled_instead() -> None:
    create = source(awslambda.LambdaBackend.create_event_source_mapping)
    assert "queue.lambda_event_source_mappings[esm.function_arn] = esm" in create
    assert "self._event_source_mappings[esm.uuid] = esm" in create
    update = awslambda.LambdaBackend.update_event_source_mapping
    assert parameters(update) == ["self", "uuid", "spec"]


def test_s3_describes_objects_to_others_in_one_place() -> None:
    described = ["event_name", "bucket", "key", "notification_id"]
    assert parameters(notifications._get_s3_event) == described
    assert source(notifications.send_event).count("_get_s3_event(") == 3


def test_step_functions_make_clients_where_they_are_replaced() -> None:
    assert parameters(boto_client.boto_client_for) == ["region", "service", "state_credentials"]
    assert "env.stack.append(response)" in source(sdk_task.StateTaskServiceAwsSdk)
    assert "_build_sync_resolver" in vars(glue_task.StateTaskServiceGlue)
    validate = parser_models.StepFunctionsParserBackend._validate_definition
    assert parameters(validate) == ["definition"]


def test_step_functions_end_executions_where_they_are_kept() -> None:
    ended = execution.BaseExecutionWorkerCommunication.terminated
    assert "self._reflect_execution_status()" in source(ended)
    history = source(execution.Execution.to_history_output)
    assert "self.exec_worker.env" in history
    assert "env.event_manager.get_event_history()" in history


def test_event_rules_go_through_what_is_replaced() -> None:
    sent = parameters(events.Rule.send_to_targets)
    assert sent == ["self", "original_event", "transform_input"]
    assert "scheduled_expression" in parameters(events.EventsBackend.put_rule)
    targets = parameters(events.EventsBackend.put_targets)
    assert targets == ["self", "name", "event_bus_arn", "targets"]


def test_http_apis_are_imported_where_security_is_added() -> None:
    assert parameters(apigateway.Api.import_api) == ["self", "body_str", "fail_on_warnings"]
    assert "api.import_api(" in source(apigateway.ApiGatewayV2Backend.reimport_api)
    made = source(apigateway.Api.__init__)
    assert "self.api_endpoint = " in made and "self.protocol_type = " in made


def test_step_functions_name_services_and_read_times_where_that_is_mended() -> None:
    names = sdk_task.StateTaskServiceAwsSdk._SERVICE_NAME_SFN_TO_BOTO_OVERRIDES
    assert names["sfn"] == "stepfunctions"
    assert is_operator.IsTimestamp.string_to_timestamp("2026-01-01T00:00:00Z")
    compared = source(timestamp_operators.TimestampLessThan)
    assert "IsTimestamp.string_to_timestamp(variable)" in compared
