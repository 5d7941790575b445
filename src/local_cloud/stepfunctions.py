"""Step Functions: moto's interpreter of the Amazon States Language, its tasks sent to this cloud.

Tasks call AWS as the state machine's role. What an execution did is kept; one that the cloud's end
interrupts is FAILED.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import boto3
from botocore.config import Config
from moto.core.config import default_user_config

from local_cloud.context import Cloud

_CREDENTIALS_SECONDS = 1800.0
_LONGEST_TASK_SECONDS = 930  # a Lambda function's 15 minutes, and a little
# How errors of the AWS SDK integrations begin, which moto knows of few services.
_ERROR_PREFIXES = {
    "athena": "Athena",
    "eventbridge": "EventBridge",
    "glue": "Glue",
    "lambda": "Lambda",
    "redshiftdata": "RedshiftData",
    "s3": "S3",
    "sns": "Sns",
    "sqs": "Sqs",
    "sts": "Sts",
}
# What boto3 calls services that the AWS SDK integrations call otherwise.
_BOTO_NAMES = {"redshiftdata": "redshift-data", "redshiftserverless": "redshift-serverless"}
_INTERRUPTED = "the embedded cloud ended before the execution did"


class _Clients:
    """Clients of this cloud, as a role, for the interpreter's tasks."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._sessions: dict[str, tuple[float, Any]] = {}
        self._lock = threading.Lock()

    def make(self, region: str, service: str, state_credentials: Any = None) -> Any:
        """A client for one task; the signature is that of moto's function."""
        if state_credentials is None:
            raise NotImplementedError(f"{service} in this place of a state machine")
        with self._lock:
            return self._session(state_credentials.role_arn).client(
                service,
                region_name=region,
                endpoint_url=self._cloud.endpoint_url,
                config=Config(
                    parameter_validation=False,
                    proxies={},
                    read_timeout=_LONGEST_TASK_SECONDS,
                    retries={"total_max_attempts": 1},
                    s3={"addressing_style": "path"},
                ),
            )

    def _session(self, role_arn: str) -> Any:
        until, session = self._sessions.get(role_arn, (0.0, None))
        if time.monotonic() > until:
            granted = self._cloud.role_environment(
                role_arn, "state-machine", service="states.amazonaws.com"
            )
            session = boto3.session.Session(
                aws_access_key_id=granted["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=granted["AWS_SECRET_ACCESS_KEY"],
                aws_session_token=granted["AWS_SESSION_TOKEN"],
            )
            self._sessions[role_arn] = time.monotonic() + _CREDENTIALS_SECONDS, session
        return session


class _Ended:
    """Stands for the worker of an execution that is over: all that is left of it is its history."""

    def __init__(self, history: list[Any]) -> None:
        self._history = history

    @property
    def env(self) -> Any:
        """Where the history is looked for: env.event_manager.get_event_history()."""
        return self

    event_manager = env

    def get_event_history(self) -> list[Any]:
        """What the execution did."""
        return self._history

    def stop(self, **_: Any) -> None:
        """Nothing is left to stop."""


def install(cloud: Cloud) -> None:
    """Run executions, and keep them."""
    cloud.on_first_use("stepfunctions", lambda: _install(cloud))
    cloud.on_first_use("states", lambda: cloud.use("stepfunctions"))


def _install(cloud: Cloud) -> None:
    # The interpreter takes most of a second to import, and few runs need it.
    import moto.stepfunctions
    from moto.stepfunctions import models, urls
    from moto.stepfunctions.parser import models as parser_models

    default_user_config["stepfunctions"]["execute_state_machine"] = True
    # One backend under both names, so that what is saved is found again.
    backends = parser_models.stepfunctions_parser_backends
    setattr(models, "stepfunctions_backends", backends)
    setattr(moto.stepfunctions, "stepfunctions_backends", backends)
    setattr(parser_models.StepFunctionsParserBackend, "_url_module", urls)
    _lead_tasks_here(_Clients(cloud).make)
    _mend_outputs()
    _read_timestamps()
    _wait_by_utc()
    _keep_executions(cloud)
    _refuse_jsonata(parser_models.StepFunctionsParserBackend)
    importlib.import_module("local_cloud.terraform_seams.state_machines").install()


def _lead_tasks_here(make: Callable[..., Any]) -> None:
    from moto.stepfunctions.parser import asl

    for module in pkgutil.walk_packages(asl.__path__, f"{asl.__name__}."):
        if ".service." in module.name or ".state_map." in module.name:
            importlib.import_module(module.name)
    for name, loaded in list(sys.modules.items()):
        if name.startswith(asl.__name__) and hasattr(loaded, "boto_client_for"):
            setattr(loaded, "boto_client_for", make)


def _mend_outputs() -> None:
    """Have tasks' outputs be JSON, as AWS makes them."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
        state_task_service_aws_sdk as aws_sdk,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
        state_task_service_glue as glue,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import (
        ResourceCondition,
    )

    # moto forgets that a task without a callback has no callback to end.
    patterns: set[Any] = glue._SUPPORTED_INTEGRATION_PATTERNS
    patterns.add(ResourceCondition.WaitForTaskToken)
    aws_sdk._SERVICE_ERROR_NAMES |= _ERROR_PREFIXES
    aws_sdk.StateTaskServiceAwsSdk._SERVICE_NAME_SFN_TO_BOTO_OVERRIDES.update(_BOTO_NAMES)
    build = glue.StateTaskServiceGlue._build_sync_resolver
    call = aws_sdk.StateTaskServiceAwsSdk._eval_service_task

    def build_plain(self: Any, *args: Any, **kwargs: Any) -> Callable[[], Any]:
        resolve = build(self, *args, **kwargs)
        assert resolve is not None
        return lambda: _plain(resolve(), _milliseconds)

    def call_plain(self: Any, env: Any, *args: Any, **kwargs: Any) -> None:
        call(self, env, *args, **kwargs)
        env.stack[-1] = _plain(env.stack[-1], _iso)

    setattr(glue.StateTaskServiceGlue, build.__name__, build_plain)
    setattr(aws_sdk.StateTaskServiceAwsSdk, call.__name__, call_plain)


def _read_timestamps() -> None:
    """Have Choices compare the times that executions are told, which have fractions of seconds."""
    from moto.stepfunctions.parser.asl.component.state.choice.comparison.operator import (
        implementations,
    )

    is_operator = importlib.import_module(f"{implementations.__name__}.is_operator")

    def read(text: str) -> datetime | None:
        try:
            return datetime.fromisoformat(text)
        except (TypeError, ValueError):
            return None

    setattr(is_operator.IsTimestamp, "string_to_timestamp", staticmethod(read))


def _wait_by_utc() -> None:
    """Have Waits take times as UTC in every time zone: moto compares them with local time."""
    from moto.stepfunctions.parser.asl.component.state.wait.wait_function.timestamp import Timestamp

    parse = Timestamp._from_timestamp_string

    def parse_to_local(timestamp: str) -> datetime | None:
        found = parse(timestamp)
        return found and found.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)

    setattr(Timestamp, parse.__name__, staticmethod(parse_to_local))


def _plain(value: Any, moment: Callable[[date], Any]) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each, moment) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, moment) for each in value]
    if isinstance(value, date):
        return moment(value)
    if hasattr(value, "read"):
        return value.read().decode()
    return value


def _milliseconds(moment: date) -> int:
    assert isinstance(moment, datetime)
    return int(moment.timestamp() * 1000)


def _iso(moment: date) -> str:
    if not isinstance(moment, datetime):
        return moment.isoformat()
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _keep_executions(cloud: Cloud) -> None:
    from moto.stepfunctions.parser.api import ExecutionStatus
    from moto.stepfunctions.parser.asl.utils.encoding import to_json_str
    from moto.stepfunctions.parser.backend import execution

    reflect = execution.BaseExecutionWorkerCommunication.terminated

    def state(self: Any) -> Any:
        worker = self.exec_worker
        env = worker and worker.env
        history = env.event_manager.get_event_history() if env else []
        return self.__dict__ | {"exec_worker": _Ended(list(history))}

    def restore(self: Any, saved: dict[str, Any]) -> None:
        self.__dict__.update(saved)
        if self.exec_status == ExecutionStatus.RUNNING:
            self.exec_status = ExecutionStatus.FAILED
            self.error, self.cause = "States.Runtime", _INTERRUPTED
            self.stop_date = datetime.now(UTC)

    def terminated(self: Any) -> None:
        reflect(self)
        if self.execution.output is not None:
            self.execution.output = to_json_str(self.execution.output, separators=(",", ":"))
        cloud.save("stepfunctions")

    setattr(execution.Execution, "__getstate__", state)
    setattr(execution.Execution, "__setstate__", restore)
    setattr(execution.BaseExecutionWorkerCommunication, "terminated", terminated)


def _refuse_jsonata(backend: Any) -> None:
    validate = backend._validate_definition

    def validate_jsonpath(definition: str) -> None:
        from moto.stepfunctions.parser.api import InvalidDefinition

        if '"JSONata"' in definition:
            raise InvalidDefinition(message="The embedded cloud runs JSONPath, not JSONata.")
        validate(definition=definition)

    backend._validate_definition = staticmethod(validate_jsonpath)
