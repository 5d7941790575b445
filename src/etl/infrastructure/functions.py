"""The Lambda functions: what each is made from, and what it is told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from etl.archiving.config import VARIABLE, ArchiveConfig
from etl.ingest.openapi import function_environment
from etl.processing.options import ProcessorOptions
from etl.settings import Archiver, Ingest, Processor, Settings, StateMachine, Validator

RUNTIME = "python3.12"  # docs/adr/0008-lambda-runtime.md


@dataclass(frozen=True, kw_only=True)
class LambdaFunction:
    """One function.

    Attributes:
        key: Its folder in _lambda/.
        storage_mb: Of its temporary folder.
        retries: How often an asynchronous call that failed is made again; None for AWS's two.
    """

    key: str
    name: str
    memory_mb: int
    timeout_seconds: int
    storage_mb: int = 512
    environment: dict[str, str] = field(default_factory=dict)
    retries: int | None = None
    runtime: str = RUNTIME

    @property
    def archive(self) -> str:
        """The file that tools/package.py makes."""
        return f"{self.key}.zip"

    @property
    def handler(self) -> str:
        """Module and function."""
        return f"{self.key}_handler.handle"

    def arn(self, settings: Settings, account_id: str) -> str:
        """The function's ARN."""
        place = f"{settings.region}:{account_id}"
        return f"arn:{settings.partition}:lambda:{place}:function:{self.name}"


def lambda_functions(settings: Settings, account_id: str) -> tuple[LambdaFunction, ...]:
    """The functions that the environment has, by the order of their keys."""
    validator = _function("validator", settings.validator, {})
    processor = ProcessorOptions.of(settings, account_id).to_environment()
    found = [
        _function("pipeline", settings.state_machine, {"ETL_ENV": settings.environment}),
        _function("processor", settings.processor, processor),
        replace(validator, storage_mb=settings.validator.storage_mb),
    ]
    if settings.archiver.function_name:
        archiver = {VARIABLE: ArchiveConfig.of(settings).to_json()}
        # It has sent an alert, and the next night mends what is left.
        found.append(_function("archiver", settings.archiver, archiver, retries=0))
    if settings.ingest.api_name:
        found.append(_function("ingest", settings.ingest, function_environment(settings)))
    return tuple(sorted(found, key=lambda each: each.key))


def _function(
    key: str,
    wanted: Archiver | Ingest | Processor | StateMachine | Validator,
    environment: dict[str, str],
    *,
    retries: int | None = None,
) -> LambdaFunction:
    return LambdaFunction(
        key=key,
        name=str(wanted.function_name),
        memory_mb=wanted.memory_mb,
        timeout_seconds=wanted.timeout_seconds,
        environment=environment,
        retries=retries,
    )
