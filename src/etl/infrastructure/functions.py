"""The Lambda functions: what each is made from, and what it is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from etl.archiving.config import VARIABLE, ArchiveConfig
from etl.ingest.openapi import function_environment
from etl.processing.options import ProcessorOptions
from etl.settings import Settings

RUNTIME = "python3.12"  # docs/adr/0008-lambda-runtime.md


@dataclass(frozen=True, kw_only=True)
class LambdaFunction:
    """One function.

    Attributes:
        key: Its folder in _lambda/.
        retries: How often an asynchronous call that failed is made again; None for AWS's two.
    """

    key: str
    name: str
    memory_mb: int
    timeout_seconds: int
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
        return f"arn:aws:lambda:{settings.region}:{account_id}:function:{self.name}"


def lambda_functions(settings: Settings, account_id: str) -> tuple[LambdaFunction, ...]:
    """The functions that the environment has, by the order of their keys."""
    found = [_pipeline(settings), _processor(settings, account_id), _validator(settings)]
    if settings.archiver.function_name:
        found.append(_archiver(settings, settings.archiver.function_name))
    if settings.ingest.api_name:
        found.append(_ingest(settings))
    return tuple(sorted(found, key=lambda each: each.key))


def _validator(settings: Settings) -> LambdaFunction:
    wanted = settings.validator
    return LambdaFunction(
        key="validator",
        name=wanted.function_name,
        memory_mb=wanted.memory_mb,
        timeout_seconds=wanted.timeout_seconds,
    )


def _pipeline(settings: Settings) -> LambdaFunction:
    wanted = settings.state_machine
    return LambdaFunction(
        key="pipeline",
        name=wanted.function_name,
        memory_mb=wanted.memory_mb,
        timeout_seconds=wanted.timeout_seconds,
        environment={"ETL_ENV": settings.environment},
    )


def _processor(settings: Settings, account_id: str) -> LambdaFunction:
    wanted = settings.processor
    return LambdaFunction(
        key="processor",
        name=wanted.function_name,
        memory_mb=wanted.memory_mb,
        timeout_seconds=wanted.timeout_seconds,
        environment=ProcessorOptions.of(settings, account_id).to_environment(),
    )


def _archiver(settings: Settings, name: str) -> LambdaFunction:
    wanted = settings.archiver
    return LambdaFunction(
        key="archiver",
        name=name,
        memory_mb=wanted.memory_mb,
        timeout_seconds=wanted.timeout_seconds,
        environment={VARIABLE: ArchiveConfig.of(settings).to_json()},
        retries=0,  # it has sent an alert, and the next night mends what is left
    )


def _ingest(settings: Settings) -> LambdaFunction:
    wanted = settings.ingest
    return LambdaFunction(
        key="ingest",
        name=wanted.function_name,
        memory_mb=wanted.memory_mb,
        timeout_seconds=wanted.timeout_seconds,
        environment=function_environment(settings),
    )
