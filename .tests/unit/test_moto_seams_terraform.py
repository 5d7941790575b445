"""What the answers that Terraform needs take from inside moto, which promises none of it."""

from __future__ import annotations

import inspect
from typing import Any

from moto.athena.models import AthenaBackend
from moto.awslambda.models import LambdaFunction
from moto.cloudwatch.models import Alarm, CloudWatchBackend
from moto.s3.models import FakeDeleteMarker
from moto.s3.utils import _VersionedKeyStore
from moto.secretsmanager.models import SecretsManagerBackend, SecretsStore
from moto.sqs.models import Queue, SQSBackend
from moto.stepfunctions.models import StateMachine, StateMachineVersion
from moto.stepfunctions.responses import StepFunctionResponse


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def source(function: Any) -> str:
    return inspect.getsource(function)


def test_workgroups_without_tags_are_answered_by_nothing() -> None:
    assert AthenaBackend("us-east-1", "123456789012").list_tags_for_resource("arn:unknown") is None


def test_alarms_begin_as_ok_and_are_made_through_a_name_of_their_module() -> None:
    assert 'self.state_value = "OK"' in source(Alarm.__init__)
    assert "alarm = Alarm(" in source(CloudWatchBackend.put_metric_alarm)
    assert "update_state" not in source(CloudWatchBackend.put_metric_data)


def test_queues_are_set_and_asked_where_that_is_mended() -> None:
    assert parameters(SQSBackend.get_queue_attributes) == ["self", "queue_name", "attribute_names"]
    assert parameters(Queue._set_attributes) == ["self", "attributes", "now"]
    assert 'self.policy = attributes.get("Policy")' in source(Queue._set_attributes)
    assert "queue._set_attributes(attributes)" in source(SQSBackend.set_queue_attributes)


def test_versions_are_disposed_of_with_delete_markers_among_them() -> None:
    assert "version.dispose()" in source(_VersionedKeyStore.pop)
    disposes = vars(FakeDeleteMarker).get("dispose")
    assert disposes is None or disposes.__module__.startswith("local_cloud"), "moto has it now"


def test_step_functions_lacks_what_is_added() -> None:
    for action in ("validate_state_machine_definition", "list_state_machine_versions"):
        added = vars(StepFunctionResponse).get(action)
        assert added is None or added.__module__.startswith("local_cloud"), "moto has it: compare"
    assert "self.versions: dict[int, StateMachineVersion]" in source(StateMachine.__init__)
    assert "version_arn" in source(StateMachineVersion.__init__)


def test_functions_keep_where_they_log() -> None:
    assert "self.logs_group_name" in source(LambdaFunction.__init__)
    assert "LoggingConfig" not in source(LambdaFunction.get_configuration)
    assert parameters(LambdaFunction.get_configuration) == ["self", "on_create"]
    assert parameters(LambdaFunction.update_configuration) == ["self", "config_updates"]


def test_secrets_of_services_are_made_and_taken_away() -> None:
    made = parameters(SecretsManagerBackend.create_managed_secret)
    assert made[1:4] == ["service_name", "secret_id", "secret_string"]
    assert {"force_overwrite"} < set(made)
    assert parameters(SecretsStore.pop) == ["self", "key"]
