"""The embedded cloud's Step Functions: tasks really run, and what they did is what is said."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.functions import make_role, zipped

from etl.state_machine import DEFINITION

CODE = """
def handle(event, context):
    if event["number"] < 0:
        raise ValueError("below zero")
    return {"double": 2 * event["number"]}
"""
JOB = """
import sys
from awsglue.utils import getResolvedOptions
if getResolvedOptions(sys.argv, ["outcome"])["outcome"] == "bad":
    raise SystemExit("no input")
"""


@pytest.fixture(scope="module")
def role(client: Callable[[str], Any]) -> str:
    return make_role(client, "machines", "states", "lambda", "glue")


@pytest.fixture(scope="module")
def doubler(client: Callable[[str], Any], role: str) -> str:
    made = client("lambda").create_function(
        FunctionName="doubler",
        Runtime="python3.12",
        Role=role,
        Handler="shop.handle",
        Code={"ZipFile": zipped(CODE)},
    )
    arn: str = made["FunctionArn"]
    return arn


@pytest.fixture(scope="module")
def job(client: Callable[[str], Any], role: str) -> str:
    s3 = client("s3")
    s3.create_bucket(Bucket="machine-code")
    s3.put_object(Bucket="machine-code", Key="job.py", Body=JOB.encode())
    client("glue").create_job(
        Name="machine-job",
        Role=role,
        Command={
            "Name": "pythonshell",
            "PythonVersion": "3.9",
            "ScriptLocation": "s3://machine-code/job.py",
        },
    )
    return "machine-job"


class Machine:
    """A state machine, run to its end."""

    def __init__(self, client: Callable[[str], Any], role: str, name: str, states: Any) -> None:
        self.states = client("stepfunctions")
        definition = {"StartAt": next(iter(states)), "States": states}
        self.arn = self.states.create_state_machine(
            name=name, definition=json.dumps(definition), roleArn=role
        )["stateMachineArn"]

    def run(self, given: Any, name: str) -> dict[str, Any]:
        execution = self.states.start_execution(
            stateMachineArn=self.arn, name=name, input=json.dumps(given)
        )["executionArn"]
        deadline = time.monotonic() + 60
        while True:
            found: dict[str, Any] = self.states.describe_execution(executionArn=execution)
            if found["status"] != "RUNNING":
                return found
            assert time.monotonic() < deadline
            time.sleep(0.1)


def lambda_task(function: str) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload.$": "$"},
        "ResultSelector": {"double.$": "$.Payload.double"},
        "End": True,
    }


def glue_task(job: str) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::glue:startJobRun.sync",
        "Parameters": {"JobName": job, "Arguments": {"--outcome.$": "$.outcome"}},
        "ResultSelector": {"state.$": "$.JobRunState", "started.$": "$.StartedOn"},
        "End": True,
    }


def test_map_over_a_function_gives_every_result_in_order(
    client: Callable[[str], Any], role: str, doubler: str
) -> None:
    double = {
        "Type": "Map",
        "ItemsPath": "$.numbers",
        "MaxConcurrency": 2,
        "ItemProcessor": {"StartAt": "Double", "States": {"Double": lambda_task(doubler)}},
        "End": True,
    }
    choose = {
        "Type": "Choice",
        "Choices": [{"Variable": "$.numbers[0]", "IsPresent": True, "Next": "Each"}],
        "Default": "Nothing",
    }
    nothing = {"Type": "Pass", "Result": [], "End": True}
    states = {"Choose": choose, "Each": double, "Nothing": nothing}
    machine = Machine(client, role, "mapped", states)
    done = machine.run({"numbers": [{"number": 3}, {"number": 1}, {"number": 2}]}, "some")
    assert done["status"] == "SUCCEEDED"
    assert json.loads(done["output"]) == [{"double": 6}, {"double": 2}, {"double": 4}]
    assert json.loads(machine.run({"numbers": []}, "none")["output"]) == []
    with pytest.raises(ClientError, match="AlreadyExists"):
        machine.run({"numbers": []}, "some")


def test_function_that_raises_is_caught_with_its_error(
    client: Callable[[str], Any], role: str, doubler: str
) -> None:
    catch = [{"ErrorEquals": ["ValueError"], "ResultPath": "$.failure", "Next": "Tell"}]
    tell = {"Type": "Fail", "Error": "Refused", "CausePath": "$.failure.Cause"}
    states = {"Double": lambda_task(doubler) | {"Catch": catch}, "Tell": tell}
    done = Machine(client, role, "caught", states).run({"number": -1}, "one")
    assert (done["status"], done["error"]) == ("FAILED", "Refused")
    assert json.loads(done["cause"])["errorMessage"] == "below zero"


def test_glue_task_ends_as_its_job_run_did(
    client: Callable[[str], Any], role: str, job: str
) -> None:
    machine = Machine(client, role, "glued", {"Run": glue_task(job)})
    good = machine.run({"outcome": "good"}, "good")
    assert good["status"] == "SUCCEEDED", good
    output = json.loads(good["output"])
    assert output["state"] == "SUCCEEDED" and output["started"] > 1_600_000_000_000
    bad = machine.run({"outcome": "bad"}, "bad")
    assert (bad["status"], bad["error"]) == ("FAILED", "States.TaskFailed")
    assert "no input" in json.loads(bad["cause"])["ErrorMessage"]
    states = [run["JobRunState"] for run in client("glue").get_job_runs(JobName=job)["JobRuns"]]
    assert sorted(states) == ["FAILED", "SUCCEEDED"]


def test_sdk_task_gives_json_and_calls_as_the_machines_role(
    client: Callable[[str], Any], role: str
) -> None:
    who = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sts:getCallerIdentity"}
    head = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:headBucket",
        "Parameters": {"Bucket": "there-is-no-such-bucket"},
        "End": True,
    }
    states = {"Who": who | {"ResultPath": "$.who", "Next": "Head"}, "Head": head}
    machine = Machine(client, role, "sdk", states)
    done = machine.run({}, "one")
    assert done["status"] == "FAILED" and done["error"].startswith("S3.")
    history = machine.states.get_execution_history(executionArn=done["executionArn"])["events"]
    left = [
        each["stateExitedEventDetails"] for each in history if "stateExitedEventDetails" in each
    ]
    assert "assumed-role/machines/" in json.loads(left[0]["output"])["who"]["Arn"]


@pytest.mark.parametrize(
    ("given", "status", "waits"),
    [
        ({}, "SUCCEEDED", False),
        ({"not_before": "2026-01-31T12:15:05Z"}, "SUCCEEDED", True),
        ({"not_before": "soon"}, "FAILED", False),
        ({"not_before": None}, "FAILED", False),
    ],
)
def test_full_pipeline_waits_for_the_time_to_begin(
    client: Callable[[str], Any], role: str, given: Any, status: str, waits: bool
) -> None:
    known = json.loads(DEFINITION.read_text())["States"]
    names = ("Is the input whole?", "Is there a time to begin?", "Wait until then")
    states = {name: known[name] for name in names} | {
        "Each dataset once": {"Type": "Succeed"},
        "Refuse the input": {"Type": "Fail"},
    }
    name = f"begins-{status}-{len(str(given))}"
    machine = Machine(client, role, name, states)
    done = machine.run({"run_date": "2026-01-31", "datasets": ["events"]} | given, "one")
    assert done["status"] == status
    history = machine.states.get_execution_history(executionArn=done["executionArn"])["events"]
    assert any(each["type"] == "WaitStateExited" for each in history) == waits


def test_full_pipeline_refuses_more_datasets_than_its_history_holds(
    client: Callable[[str], Any], role: str
) -> None:
    known = json.loads(DEFINITION.read_text())["States"]
    states = {
        "Is the input whole?": known["Is the input whole?"],
        "Is there a time to begin?": {"Type": "Succeed"},
        "Refuse the input": {"Type": "Fail"},
    }
    machine = Machine(client, role, "many", states)
    for count, status in ((50, "SUCCEEDED"), (51, "FAILED")):
        names = [f"d{number}" for number in range(count)]
        done = machine.run({"run_date": "2026-01-31", "datasets": names}, f"of-{count}")
        assert done["status"] == status


def test_full_pipeline_looks_at_a_load_less_and_less_often(
    client: Callable[[str], Any], role: str
) -> None:
    known = json.loads(DEFINITION.read_text())["States"]["For each dataset"]
    known = known["ItemProcessor"]["States"]
    names = ("Keep only its id", "Wait for the load", "Has the load ended?")
    look = {
        "Type": "Pass",
        "Parameters": {"status": "STARTED", "at.$": "$$.State.EnteredTime"},
        "ResultPath": "$.load.now",
        "Next": "Has the load ended?",
    }
    states = {name: known[name] for name in (*names, "Wait twice as long", "Wait two minutes")} | {
        "Look at the load": look,
        "Complete": {"Type": "Fail"},
        "Why did the load fail?": {"Type": "Succeed"},
    }
    machine = Machine(client, role, "looks", states)
    until = datetime.now(UTC) + timedelta(seconds=5)
    load = {"planned_at": "", "until": until.isoformat(timespec="milliseconds")[:-6] + "Z"}
    done = machine.run({"submitted": {"id": "1"}, "load": load, "poll_seconds": 1}, "one")
    assert done["status"] == "SUCCEEDED"
    load = json.loads(done["output"])["load"]
    assert load["wait"] == {"seconds": 4}
    assert datetime.fromisoformat(load["now"]["at"]) >= until


def test_full_pipeline_carries_the_checks_of_a_refused_run_once(
    client: Callable[[str], Any], role: str
) -> None:
    known = json.loads(DEFINITION.read_text())["States"]["For each dataset"]
    refused = known["ItemProcessor"]["States"]["Refused"] | {"Next": "End"}
    machine = Machine(client, role, "refuses", {"Refused": refused, "End": {"Type": "Succeed"}})
    checks = [{"name": "row_count", "passed": False}]
    done = machine.run({"dataset": "orders", "validated": {"checks": checks}, "run": {}}, "one")
    output = json.loads(done["output"])
    assert json.loads(output["failure"]["validate"].pop("Cause")) == checks
    assert output == {"dataset": "orders", "failure": {"validate": {"Error": "ValidationError"}}}


def test_jsonata_is_refused(client: Callable[[str], Any], role: str) -> None:
    states = {"One": {"Type": "Pass", "QueryLanguage": "JSONata", "End": True}}
    with pytest.raises(ClientError, match="JSONPath"):
        Machine(client, role, "jsonata", states)
