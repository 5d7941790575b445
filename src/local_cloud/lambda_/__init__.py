"""Lambda: moto keeps the functions; their zips run in processes of their own."""

from __future__ import annotations

import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import moto.awslambda.models as models
from moto.awslambda.exceptions import InvalidParameterValueException
from moto.core.exceptions import JsonRESTError

from local_cloud.context import Cloud
from local_cloud.iam import AccessDenied, authorize
from local_cloud.lambda_ import event_sources
from local_cloud.lambda_.code import CodeError, link_sdk, python_path, remove_unfinished, unpack
from local_cloud.lambda_.pool import Pool
from local_cloud.lambda_.runtime_api import RuntimeApi
from local_cloud.lambda_.workers import Program, Result

_MAX_EVENT_BYTES = {"RequestResponse": 6_291_456, "Event": 1_048_576}  # AWS Lambda quotas
_RETRY_SECONDS = (1.0, 2.0)  # AWS waits one minute, then two

_log = logging.getLogger(__name__)


class Runner:
    """What every function of this process shares."""

    cloud: Cloud
    pool: Pool
    folder: Path
    sdk: Path
    asynchronous: ThreadPoolExecutor


class RealLayer(models.LayerVersion):
    """A layer, unpacked on disk instead of kept in memory."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _unpack(self)
        self.content = {}


class RealFunction(models.LambdaFunction):
    """A function whose invocations run its code."""

    def __init__(self, account_id: str, spec: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        runtime = spec.get("Runtime") or "container images"
        if not runtime.startswith("python"):
            raise InvalidParameterValueException(
                f"The embedded cloud runs zip packages with a Python runtime, not {runtime}."
            )
        super().__init__(account_id, spec, *args, **kwargs)
        self._configure_logs(spec.get("LoggingConfig") or {})

    def _configure_logs(self, asked: dict[str, str]) -> None:
        if asked.get("LogFormat", "Text") != "Text":
            raise InvalidParameterValueException("The embedded cloud logs text, not JSON.")
        if "LogGroup" in asked:
            self.logs_group_name = asked["LogGroup"]

    def get_configuration(self, on_create: bool = False) -> dict[str, Any]:
        """How the function is set up; moto does not know of logs."""
        logs = {"LogFormat": "Text", "LogGroup": self.logs_group_name}
        return {**super().get_configuration(on_create), "LoggingConfig": logs}

    def update_configuration(self, config_updates: dict[str, Any]) -> dict[str, Any]:
        """Set the function up anew."""
        self._configure_logs(config_updates.get("LoggingConfig") or {})
        self.tracing_config = config_updates.get("TracingConfig", self.tracing_config)
        return super().update_configuration(config_updates)

    def _set_function_code(self, updated_spec: dict[str, Any]) -> None:
        super()._set_function_code(updated_spec)
        if not updated_spec.get("DryRun"):
            _unpack(self)
            self.code.pop("ZipFile", None)

    def program(self) -> Program:
        """What a worker needs to run this revision."""
        backend = models.lambda_backends[self.account_id][self.region]
        layers = [
            Runner.folder / backend.layers_versions_by_arn(layer["Arn"]).code_digest  # type: ignore
            for layer in self.layers
        ]
        path = python_path(Runner.folder / self.code_digest, layers, Runner.sdk)
        return Program(
            arn=self.function_arn,
            name=self.function_name,
            version=str(self.version),
            handler=self.handler or "",
            role=self.role,
            memory_mb=int(self.memory_size),
            timeout_seconds=float(self.timeout),
            environment=tuple(sorted(self.environment_vars.items())),
            path=tuple(path),
        )

    def invoke(self, body: Any, request_headers: Any, response_headers: Any) -> bytes:
        """Run an event and wait, or only accept it, as the caller asks.

        Calls from inside moto carry no headers: S3, SNS and EventBridge do not wait.
        """
        how = request_headers.get("X-Amz-Invocation-Type") if request_headers else "Event"
        how = how or "RequestResponse"
        event = body.encode() if isinstance(body, str) else bytes(body or b"")
        event = event or b"{}"
        _check_event(event, how)
        if self.reserved_concurrency == 0:
            raise JsonRESTError("TooManyRequestsException", "Rate Exceeded.", code=429)
        if how == "DryRun":
            return b""
        if how == "Event":
            Runner.asynchronous.submit(self._run_until_done, event)
            return b""
        result = self._run(event)
        response_headers["x-amz-log-result"] = result.tail
        response_headers["x-amz-executed-version"] = str(self.version)
        if result.failed:
            response_headers["x-amz-function-error"] = "Unhandled"
        return result.payload

    @property
    def _most_retries(self) -> int | None:
        configs = self.event_invoke_config
        found: int | None = configs[-1].config.get("MaximumRetryAttempts") if configs else None
        return found

    def _run_until_done(self, event: bytes) -> None:
        try:
            for wait in (*_RETRY_SECONDS[: self._most_retries], 0.0):
                if not self._run(event).failed:
                    return
                time.sleep(wait)
        except Exception:
            _log.exception("%s: an asynchronous event was lost", self.function_name)

    def _run(self, event: bytes) -> Result:
        result, worker = Runner.pool.run(self.program(), event)
        try:
            self._write_log(result, worker.stream)
        except AccessDenied as denied:  # as on AWS, it runs on without its log
            _log.warning("%s is not logged: %s", self.function_name, denied)
        return result

    def _write_log(self, result: Result, stream: str) -> None:
        """Keep what was logged, if the function's role may."""
        logs, group = self.logs_backend, self.logs_group_name
        logs.ensure_log_group(group)
        arn = f"arn:aws:logs:{self.region}:{self.account_id}:log-group:{group}:log-stream:{stream}"
        if stream not in logs.groups[group].streams:
            authorize(Runner.cloud, self.role, "logs:CreateLogStream", arn)
            logs.create_log_stream(group, stream)
        authorize(Runner.cloud, self.role, "logs:PutLogEvents", arn)
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in result.log.splitlines()]
        logs.put_log_events(group, stream, events)


def _unpack(packaged: Any) -> None:
    """Put a function's or layer's code on disk; moto would keep it in memory and state."""
    content, packaged.code_bytes = packaged.code_bytes, b""
    if not content:
        raise InvalidParameterValueException(
            "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The"
            " specified key does not exist."
        )
    try:
        unpack(bytes(content), Runner.folder, packaged.code_digest)
    except CodeError as error:
        raise InvalidParameterValueException(str(error)) from error


def _check_event(event: bytes, how: str) -> None:
    limit = _MAX_EVENT_BYTES.get(how, _MAX_EVENT_BYTES["RequestResponse"])
    if len(event) > limit:
        raise JsonRESTError(
            "RequestTooLargeException",
            f"Request must be smaller than {limit} bytes for the {how} invocation type",
            code=413,
        )
    try:
        json.loads(event)
    except ValueError as error:
        raise JsonRESTError(
            "InvalidRequestContentException", f"Could not parse request body into json: {error}"
        ) from error


def _take_only_retries() -> None:
    """Of what can be said of asynchronous events, only how often they are tried again is heeded."""
    put = models.LambdaBackend.put_function_event_invoke_config

    def put_known(backend: Any, function_name: str, config: dict[str, Any]) -> Any:
        if unknown := {name for name, value in config.items() if value} - {"MaximumRetryAttempts"}:
            raise JsonRESTError(
                "InvalidParameterValueException",
                f"The embedded cloud does not heed {', '.join(sorted(unknown))}.",
            )
        return put(backend, function_name, config)

    setattr(models.LambdaBackend, put.__name__, put_known)


def install(cloud: Cloud) -> None:
    """Put processes behind moto's Lambda."""
    _take_only_retries()
    Runner.cloud = cloud
    Runner.folder = cloud.home / "lambda" / "code"
    remove_unfinished(Runner.folder)
    Runner.sdk = link_sdk(cloud.home / "lambda" / "sdk")
    Runner.pool = Pool(cloud, cloud.home / "lambda" / "tmp")
    Runner.asynchronous = ThreadPoolExecutor(4, "lambda-events")
    models.LambdaFunction = RealFunction  # type: ignore[misc]
    models.LayerVersion = RealLayer  # type: ignore[misc]
    cloud.mounts["/_lambda"] = RuntimeApi(Runner.pool)
    event_sources.install(cloud)
    cloud.on_stop(Runner.pool.stop)
