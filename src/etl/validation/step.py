"""The validate step: the validator Lambda's verdict on a run, or why there is none."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from aws.lambda_ import FunctionError, invoke
from etl.drift.diff import DRIFT
from etl.errors import ValidationError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_LOG_LINES = 15


@dataclass(frozen=True, kw_only=True)
class ValidationResult:
    """A verdict of "passed". `rows` and `bytes` are as found in the files.

    Attributes:
        checks: Each with name, column, passed, measured, expected and severity.
    """

    rows: int
    bytes: int
    checks: tuple[dict[str, Any], ...]

    @property
    def warnings(self) -> list[str]:
        """The checks that failed without failing the run, in words."""
        return [describe_check(check) for check in self.checks if not check["passed"]]

    def to_json(self) -> str:
        """The verdict as a document to keep beside the data."""
        content = {
            "passed": True,
            "rows": self.rows,
            "bytes": self.bytes,
            "checks": list(self.checks),
        }
        return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


class ChecksFailedError(ValidationError):
    """The verdict is "failed"; `checks` are all of its checks."""

    checks: tuple[dict[str, Any], ...] = ()


def validate_run(
    client: LambdaClient,
    *,
    function_name: str,
    contract_uri: str,
    metrics_uri: str,
    run_date: date,
) -> ValidationResult:
    """Ask the validator to judge what a run's transform wrote.

    Raises:
        ChecksFailedError: A check failed; the message lists the figures.
        ValidationError: The function failed.
    """
    event = {
        "contract_uri": contract_uri,
        "metrics_uri": metrics_uri,
        "run_date": run_date.isoformat(),
    }
    try:
        verdict = invoke(client, function_name=function_name, payload=event)
    except FunctionError as error:
        raise _function_failed(error) from error
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        raise ValidationError(
            f"there is no Lambda function {function_name}",
            fix="deploy it (make package, terraform apply), or correct validator.function_name"
            " in config/<environment>.yml",
        ) from error
    checks = tuple(verdict["checks"])
    if not verdict["passed"]:
        raise _checks_failed(checks, metrics_uri)
    return ValidationResult(rows=verdict["rows"], bytes=verdict["bytes"], checks=checks)


def _checks_failed(checks: tuple[dict[str, Any], ...], metrics_uri: str) -> ChecksFailedError:
    failed = [each for each in checks if not each["passed"] and each["severity"] == "error"]
    lines = [f"  - {describe_check(check)}" for check in failed]
    count = "1 check" if len(failed) == 1 else f"{len(failed)} checks"
    written = metrics_uri
    if any(each["name"] == DRIFT for each in failed):
        others = [each for each in checks if each["name"] == DRIFT and each not in failed]
        lines += [f"  - beside it, {describe_check(each)}" for each in others]
        written = f"{metrics_uri.rpartition('/')[0]}/drift.json"
    error = ChecksFailedError(
        f"the processed data fail {count}:\n" + "\n".join(lines),
        fix="the warehouse has not been touched; mend the source or the contract and run again"
        f" (what was written: {written})",
    )
    error.checks = checks
    return error


def describe_check(check: dict[str, Any]) -> str:
    """A check and what it measured, in words."""
    column = f" ({check['column']})" if check["column"] else ""
    return f"{check['name']}{column}: {check['measured']}, expected {check['expected']}"


def _function_failed(error: FunctionError) -> ValidationError:
    log = error.log_tail.strip().splitlines()[-_LOG_LINES:]
    tail = "\n".join(f"  | {line}" for line in log)
    return ValidationError(
        f"the validator {error.function_name} could not judge the run: "
        f"{error.error_type}: {error.error_message}" + (f"\n{tail}" if tail else ""),
        fix=f"mend the cause, or see the log group /aws/lambda/{error.function_name}",
    )
