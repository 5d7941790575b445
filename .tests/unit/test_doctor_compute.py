"""Each fault of the Glue job, the validator and their roles gets its line and its command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws
from support.doctor_patient import (
    ACCOUNT,
    client,
    look,
    make_bucket,
    make_function,
    make_job,
    make_patient,
    make_role,
    make_settings,
    only_fault,
    refused,
)

from etl.doctor.findings import Finding
from etl.doctor.glue_job import GlueJob
from etl.doctor.patient import Patient
from etl.doctor.validator import Validator


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Patient]:
    with mock_aws():
        make_bucket("doc-artifacts")
        client("s3").put_object(Bucket="doc-artifacts", Key="code/transform.py", Body=b"")
        for name, service in (("job", "glue"), ("validator", "lambda"), ("copy", "redshift")):
            make_role(f"doc-{name}", service)
        make_job()
        make_function()
        yield make_patient(make_settings(tmp_path))


def _look(patient: Patient) -> dict[str, Finding]:
    return look(patient, GlueJob(patient).checks, Validator(patient).checks)


def test_doctor_job_and_function_in_order_are_ok(patient: Patient) -> None:
    assert [(check, each.state) for check, each in _look(patient).items()] == [
        ("Glue job", "ok"),
        ("job: workers", "ok"),
        ("job: script", "ok"),
        ("job: role", "ok"),
        ("validator", "ok"),
        ("validator: size", "ok"),
        ("validator: role", "ok"),
    ]


def test_doctor_job_missing_says_how_to_create_it(patient: Patient) -> None:
    client("glue").delete_job(JobName="doc-transform")
    check, found = only_fault(_look(patient))
    assert (check, found.state, found.what) == (
        "Glue job",
        "FAIL",
        "there is no job doc-transform",
    )
    assert found.fix.startswith("make package && aws s3 cp build/etl.zip s3://doc-artifacts/code/")
    assert "aws glue create-job --name doc-transform" in found.fix


@pytest.mark.parametrize(
    "change, check, state",
    [
        ({"GlueVersion": "4.0"}, "Glue job", "warn"),
        ({"NumberOfWorkers": 10}, "job: workers", "warn"),
        (
            {"Command": {"Name": "glueetl", "ScriptLocation": "s3://doc-artifacts/gone.py"}},
            "job: script",
            "FAIL",
        ),
        ({"Role": "nobody"}, "job: role", "FAIL"),
        ({"Role": f"arn:aws:iam::{ACCOUNT}:role/doc-copy"}, "job: role", "FAIL"),
        ({"Role": "arn:aws:iam::999999999999:role/doc-job"}, "job: role", "FAIL"),
    ],
)
def test_doctor_job_with_a_fault_names_it(
    patient: Patient, change: dict[str, Any], check: str, state: str
) -> None:
    client("glue").delete_job(JobName="doc-transform")
    make_job(**change)
    found_check, found = only_fault(_look(patient))
    assert (found_check, found.state) == (check, state)


@pytest.mark.parametrize("has_role", [True, False])
def test_doctor_function_missing_says_how_to_create_it(patient: Patient, has_role: bool) -> None:
    client("lambda").delete_function(FunctionName="doc-validator")
    if not has_role:
        client("iam").delete_role(RoleName="doc-validator")
    check, found = only_fault(_look(patient))
    assert (check, found.what) == ("validator", "there is no function doc-validator")
    role = [] if has_role else ["aws iam create-role --role-name doc-validator"]
    starts = ["make package", *role, "aws lambda create-function --function-name doc-validator"]
    commands = found.fix.split(" && ")
    assert len(commands) == len(starts)
    assert all(each.startswith(start) for each, start in zip(commands, starts, strict=True))


_SIZE = "--memory-size 2048 --ephemeral-storage Size=512 --timeout 300"


@pytest.mark.parametrize(
    "change, check, state, option",
    [
        ({"Runtime": "python3.11"}, "validator", "FAIL", "--runtime python3.12"),
        ({"MemorySize": 512}, "validator: size", "warn", _SIZE),
        ({"Timeout": 3}, "validator: size", "warn", _SIZE),
    ],
)
def test_doctor_function_with_a_fault_names_it(
    patient: Patient, change: dict[str, Any], check: str, state: str, option: str
) -> None:
    client("lambda").delete_function(FunctionName="doc-validator")
    make_function(**change)
    found_check, found = only_fault(_look(patient))
    assert (found_check, found.state) == (check, state)
    assert option in found.fix


def test_doctor_role_that_the_service_may_not_take_on_says_how_to_let_it(patient: Patient) -> None:
    client("iam").delete_role(RoleName="doc-validator")
    make_role("doc-validator", "ec2")
    check, found = only_fault(_look(patient))
    assert (check, found.what) == (
        "validator: role",
        "doc-validator does not let lambda.amazonaws.com take it on",
    )
    assert found.fix.startswith("aws iam update-assume-role-policy --role-name doc-validator ")


@pytest.mark.parametrize(
    "operation, action",
    [
        ("GetJob", "glue:GetJob"),
        ("HeadObject", "s3:GetObject"),
        ("GetRole", "iam:GetRole"),
        ("GetFunctionConfiguration", "lambda:GetFunctionConfiguration"),
    ],
)
def test_doctor_compute_operation_denied_names_the_action(
    patient: Patient, operation: str, action: str
) -> None:
    with refused(operation):
        faults = [each for each in _look(patient).values() if each.state != "ok"]
    assert {each.what for each in faults} == {f"access denied: {action} is missing"}
