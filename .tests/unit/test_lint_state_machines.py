"""The lint of state machines: what it refuses, and that ours passes it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load_tool() -> ModuleType:
    path = ROOT / "tools" / "lint_state_machines.py"
    spec = importlib.util.spec_from_file_location("lint_state_machines", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tool = load_tool()


def task(resource: str = "lambda:invoke", **changes: Any) -> dict[str, Any]:
    """A task in order; None leaves a field out."""
    retry = {"ErrorEquals": ["A"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 2}
    state = {
        "Type": "Task",
        "Resource": f"arn:${{partition}}:states:::{resource}",
        "TimeoutSeconds": 60,
        "Retry": [retry | {"MaxDelaySeconds": 9, "JitterStrategy": "FULL"}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}],
        "End": True,
    }
    return {name: value for name, value in (state | changes).items() if value is not None}


def lint(**states: Any) -> list[str]:
    """The problems of a machine of these states, the first of which it starts at."""
    states |= {"Failed": {"Type": "Fail"}}
    machine = {"StartAt": next(iter(states)), "TimeoutSeconds": 60, "States": states}
    problems: list[str] = tool.lint(json.dumps(machine))
    return problems


def test_lint_finds_nothing_in_the_machines_that_are_deployed() -> None:
    assert tool.main() == 0


@pytest.mark.parametrize("resource", ["glue:startJobRun.sync", "sqs:sendMessage.waitForTaskToken"])
def test_lint_of_a_task_that_waits_finds_nothing(resource: str) -> None:
    assert lint(One=task(resource)) == []


@pytest.mark.parametrize(
    "resource",
    ["glue:startJobRun", "aws-sdk:glue:startJobRun", "states:startExecution", "ecs:runTask"],
)
def test_lint_refuses_what_is_started_and_forgotten(resource: str) -> None:
    (problem,) = lint(One=task(resource))
    assert problem == f'"One" starts {resource} and forgets it: use {resource}.sync'


def test_lint_refuses_a_statement_whose_end_nobody_asks_for() -> None:
    execute, describe = (
        f"aws-sdk:redshiftdata:{each}" for each in ("batchExecuteStatement", "describeStatement")
    )
    (problem,) = lint(One=task(execute))
    assert "never asks" in problem
    assert lint(One=task(execute, End=None, Next="Two"), Two=task(describe)) == []


@pytest.mark.parametrize("field", ["Retry", "Catch", "TimeoutSeconds"])
def test_lint_refuses_a_task_that_lacks(field: str) -> None:
    assert any(field in each for each in lint(One=task(**{field: None}), Failed={"Type": "Fail"}))


def test_lint_refuses_retries_without_backoff_limit_and_jitter() -> None:
    retry = {"ErrorEquals": ["A"], "IntervalSeconds": 1, "MaxAttempts": 2}
    problems = lint(One=task(Retry=[retry]))
    assert problems == [
        '"One" has a Retry without BackoffRate, MaxDelaySeconds',
        '"One" has a Retry without JitterStrategy FULL',
    ]


def test_lint_refuses_a_catch_that_lets_something_through() -> None:
    catch = [{"ErrorEquals": ["States.Timeout"], "Next": "Failed"}]
    assert lint(One=task(Catch=catch)) == ['"One" has no Catch of States.ALL']


def test_lint_refuses_states_that_are_never_reached_or_do_not_exist() -> None:
    problems = lint(One=task(End=None, Next="Nowhere"), Lost={"Type": "Succeed"})
    assert problems == [
        '"One" goes on to "Nowhere", which does not exist',
        '"Lost" is never reached',
    ]


def test_lint_looks_inside_maps() -> None:
    inner = {"StartAt": "In", "States": {"In": task("glue:startJobRun", Catch=None)}}
    problems = lint(Each={"Type": "Map", "ItemProcessor": inner, "Next": "Failed"})
    assert [each.split(" ", 1)[1] for each in problems] == [
        "has no MaxConcurrency: as many at once as there are items",
        "has no Catch of States.ALL",
        "starts glue:startJobRun and forgets it: use glue:startJobRun.sync",
        "has no Catch of States.ALL",
    ]


def test_lint_refuses_placeholders_that_nothing_fills_in_and_choices_without_default() -> None:
    parameters = {"FunctionName": "${topic_arn}", "Payload": "${who_knows}"}
    problems = lint(
        One=task(Parameters=parameters, End=None, Next="Two"),
        Two={"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": True, "Next": "Failed"}]},
    )
    assert problems[0] == "unknown placeholder ${who_knows}"
    assert problems[1].startswith('"Two" has no Default')
    assert len(problems) == 2
