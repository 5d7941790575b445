"""Refuse state machines that start something and forget it, or leave a failure untold.

    python tools/lint_state_machines.py            # all of stepfunctions/

A task has to wait for what it starts, end in time, try again what may pass, and catch the rest;
every state has to be reachable, every placeholder known.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from etl.state_machine import PLACEHOLDERS

ROOT = Path(__file__).resolve().parents[1]
_PREFIX = "arn:${partition}:states:::"
_WAITING = (".sync", ".sync:2", ".waitForTaskToken")

# Integrations whose answer is all that there is to wait for, and why.
ANSWERING = {
    "lambda:invoke": "a synchronous invocation: the answer is the function's",
    "sns:publish": "once it is answered, the message is SNS's",
    "aws-sdk:redshiftdata:describeStatement": "a question",
}
# Integrations that only start something, and the question that has to be asked afterwards.
ASKED_AFTERWARDS = {
    "aws-sdk:redshiftdata:batchExecuteStatement": "aws-sdk:redshiftdata:describeStatement",
}
_RETRY_FIELDS = {"IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds"}

State = dict[str, Any]
States = dict[str, State]


def lint(text: str) -> list[str]:
    """What is wrong with a definition; nothing if it is in order."""
    placeholders = set(re.findall(r"\$\{(\w*)\}", text))
    problems = [f"unknown placeholder ${{{name}}}" for name in sorted(placeholders - PLACEHOLDERS)]
    try:
        machine = json.loads(text)
    except ValueError as error:
        return [*problems, f"is no JSON: {error}"]
    if "TimeoutSeconds" not in machine:
        problems.append("the machine has no TimeoutSeconds: it may run for a year")
    for start, states in _scopes(machine):
        problems += _lint_flow(start, states)
        for name, state in states.items():
            problems += [f'"{name}" {each}' for each in _lint_state(name, state, states)]
    return problems


def _scopes(part: State) -> Iterator[tuple[str, States]]:
    """A machine's states, and those inside its Maps and Parallels, each with where they start."""
    states: States = part.get("States", {})
    yield part.get("StartAt", ""), states
    for state in states.values():
        inside = [state.get("ItemProcessor"), state.get("Iterator"), *state.get("Branches", [])]
        for each in filter(None, inside):
            yield from _scopes(each)


def _lint_flow(start: str, states: States) -> list[str]:
    unknown = [
        f'"{name}" goes on to "{target}", which does not exist'
        for name, state in states.items()
        for target in _targets(state)
        if target not in states
    ]
    if start not in states:
        return [*unknown, f'StartAt names "{start}", which does not exist']
    reached = _reachable({start}, states)
    return [*unknown, *(f'"{name}" is never reached' for name in states if name not in reached)]


def _targets(state: State) -> list[str]:
    choices, catchers = state.get("Choices", []), state.get("Catch", [])
    found = [state.get("Next"), state.get("Default")]
    return [each for each in (*found, *(one["Next"] for one in [*choices, *catchers])) if each]


def _reachable(names: set[str], states: States) -> set[str]:
    reached: set[str] = set()
    waiting = list(names & set(states))
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [each for each in _targets(states[name]) if each in states]
    return reached


def _lint_state(name: str, state: State, states: States) -> Iterator[str]:
    kind = state.get("Type")
    if kind == "Choice" and "Default" not in state:
        yield "has no Default: what fits no choice ends the execution"
    if kind == "Map" and not (state.get("MaxConcurrency") or state.get("MaxConcurrencyPath")):
        yield "has no MaxConcurrency: as many at once as there are items"
    if kind in ("Map", "Parallel") and not _catches_all(state):
        yield "has no Catch of States.ALL"
    if kind == "Task":
        yield from _lint_task(name, state, states)


def _lint_task(name: str, state: State, states: States) -> Iterator[str]:
    resource = state.get("Resource", "")
    integration = resource.removeprefix(_PREFIX)
    if not resource.startswith(_PREFIX):
        yield f"calls {resource} directly: use an integration, e.g. {_PREFIX}lambda:invoke"
    elif question := ASKED_AFTERWARDS.get(integration):
        after = _reachable({state.get("Next", "")}, states)
        asked = {states[each].get("Resource", "").removeprefix(_PREFIX) for each in after}
        if question not in asked:
            yield f"starts {integration} and never asks {question} how it ended"
    elif not integration.endswith(_WAITING) and integration not in ANSWERING:
        yield f"starts {integration} and forgets it: use {integration}.sync"
    if not ("TimeoutSeconds" in state or "TimeoutSecondsPath" in state):
        yield "has no TimeoutSeconds"
    if not _catches_all(state):
        yield "has no Catch of States.ALL"
    retriers = state.get("Retry", [])
    if not retriers:
        yield "has no Retry"
    for each in retriers:
        if missing := _RETRY_FIELDS - set(each):
            yield f"has a Retry without {', '.join(sorted(missing))}"
        if each.get("JitterStrategy") != "FULL":
            yield "has a Retry without JitterStrategy FULL"


def _catches_all(state: State) -> bool:
    return any("States.ALL" in each["ErrorEquals"] for each in state.get("Catch", []))


def main() -> int:
    """Lint every definition; the exit code."""
    paths = sorted((ROOT / "stepfunctions").glob("*.asl.json"))
    problems = [
        f"{path.relative_to(ROOT)}: {problem}"
        for path in paths
        for problem in lint(path.read_text(encoding="utf-8"))
    ]
    print("\n".join(problems) if problems else f"{len(paths)} state machine(s) in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
