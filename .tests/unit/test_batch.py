"""The state machine's side: names, attempts, the definition's names, failures in words."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws
from support.contracts import orders_contract

from aws.stepfunctions import Execution
from etl.batch import execution, loading, publishing, requests
from etl.batch.execution import execution_name
from etl.batch.failure import explain, read_failure
from etl.batch.function import for_function, run_step
from etl.batch.publishing import complete
from etl.batch.requests import Request
from etl.errors import ContractError, LeaseLostError, SettingsError, UsageError, WarehouseError
from etl.manifest import Manifest
from etl.run import Run
from etl.settings import load_settings
from etl.state_machine import DEFINITION, MOST_DATASETS, PLACEHOLDERS, placeholders, render

DAY = date(2026, 1, 1)
CHECK = {"name": "min_rows", "column": None, "measured": 0, "expected": ">= 1"}
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:m"


# Names and attempts


def test_execution_name_depends_on_date_and_datasets_whatever_their_order() -> None:
    name = execution_name(DAY, ["orders", "airports"])
    assert name == execution_name(DAY, ["airports", "orders", "orders"])
    assert name.startswith("2026-01-01-") and len(name) == 23
    assert name != execution_name(DAY, ["orders"])
    assert execution_name(DAY, ["airports", "orders"], attempt=3) == f"{name}-3"


class Machine:
    """Step Functions' part: executions by name, each with its status."""

    def __init__(self, *statuses: str) -> None:
        self.known = {
            execution_name(DAY, ["orders"], number): status
            for number, status in enumerate(statuses, 1)
        }
        self.started: list[str] = []

    def describe(self, _client: Any, *, execution_arn: str) -> Execution | None:
        name = execution_arn.rpartition(":")[2]
        if name not in self.known:
            return None
        return Execution(
            arn=execution_arn,
            name=name,
            status=self.known[name],
            started_at=datetime.now(UTC),
            stopped_at=None,
            input={},
            output=None,
            error="",
            cause="",
        )

    def start(self, _client: Any, *, state_machine_arn: str, name: str, given: Any) -> str | None:
        if name in self.known:
            return None
        self.known[name] = "RUNNING"
        self.started.append(name)
        return f"started {name}"


@pytest.mark.parametrize(
    ("statuses", "again", "attempt", "is_new"),
    [
        ((), False, 1, True),
        (("RUNNING",), False, 1, False),
        (("RUNNING",), True, 1, False),
        (("SUCCEEDED",), False, 1, False),
        (("SUCCEEDED",), True, 2, True),
        (("FAILED",), False, 2, True),
        (("TIMED_OUT", "ABORTED"), False, 3, True),
        (("FAILED", "RUNNING"), False, 2, False),
        (("FAILED", "SUCCEEDED"), False, 2, False),
    ],
)
def test_start_attaches_to_what_stands_and_tries_again_after_failures(
    monkeypatch: pytest.MonkeyPatch,
    statuses: tuple[str, ...],
    again: bool,
    attempt: int,
    is_new: bool,
) -> None:
    machine = Machine(*statuses)
    monkeypatch.setattr(execution, "describe_execution", machine.describe)
    monkeypatch.setattr(execution, "start_execution", machine.start)
    client: Any = None
    arn, was_new = execution._start_or_attach(client, MACHINE, DAY, ["orders"], {}, again)
    name = execution_name(DAY, ["orders"], attempt)
    assert (arn.endswith(name), was_new) == (True, is_new)
    assert machine.started == ([name] if is_new else [])


# The definition


@pytest.mark.parametrize("environment", ["local", "dev", "prod"])
def test_render_fills_in_every_name(environment: str) -> None:
    settings = load_settings(environment)
    machine = render(settings, "123456789012")
    assert "${" not in machine
    assert settings.glue.job_name in machine
    assert f'"WorkgroupName": "{settings.warehouse.workgroup_name}"' in machine
    assert json.loads(machine)["StartAt"]
    assert set(placeholders(settings, "123456789012")) == PLACEHOLDERS


def test_render_without_a_topic_or_with_an_unknown_name_is_refused(tmp_path: Any) -> None:
    settings = load_settings("local")
    silent = settings.model_copy(
        update={"alerts": settings.alerts.model_copy(update={"topic_name": None})}
    )
    with pytest.raises(SettingsError, match="no topic"):
        render(silent, "123456789012")
    path = tmp_path / "machine.asl.json"
    path.write_text('{"a": "${nobody}"}')
    with pytest.raises(SettingsError, match="nobody"):
        render(settings, "123456789012", path=path)


def test_definition_takes_a_topic_s_arn_as_it_is() -> None:
    settings, topic = load_settings("local"), "arn:aws:sns:eu-west-1:210987654321:everybody"
    shared = settings.model_copy(
        update={"alerts": settings.alerts.model_copy(update={"topic_name": topic})}
    )
    assert placeholders(shared, "123456789012")["topic_arn"] == topic


def test_definition_of_a_cluster_names_the_cluster() -> None:
    settings = load_settings("local")
    changes = {"kind": "cluster", "workgroup_name": None, "cluster_identifier": "big"}
    cluster = settings.model_copy(
        update={"warehouse": settings.warehouse.model_copy(update=changes)}
    )
    assert '"ClusterIdentifier": "big"' in render(cluster, "123456789012")
    assert "${warehouse_kind}" in DEFINITION.read_text()


# The history

EVENTS = {"Wait": 2, "Task": 5, "Choice": 2, "Pass": 2}  # that one visit leaves
EVENTS_OF_THE_REST = 60  # of a dataset, the looks at its load apart
MOST_EVENTS = 25_000


def holds(rule: dict[str, Any], found: dict[str, Any]) -> bool:
    """Whether a Choice's rule does, of those that the looks at a load need."""
    if "Or" in rule:
        return any(holds(each, found) for each in rule["Or"])
    value = found[rule["Variable"]]
    if "StringEquals" in rule:
        return bool(value == rule["StringEquals"])
    if "NumericGreaterThanEquals" in rule:
        return bool(value >= rule["NumericGreaterThanEquals"])
    return bool(value >= found[rule["TimestampGreaterThanEqualsPath"]])


def events_of_a_load(poll_seconds: int) -> int:
    """What the looks at a load leave that ends with its hour."""
    each = json.loads(DEFINITION.read_text())["States"]["For each dataset"]["ItemProcessor"]
    wait, at, until = "$.load.wait.seconds", "$.load.now.at", "$.load.until"
    found: dict[str, Any] = {wait: poll_seconds, at: 0, until: 3600, "$.load.now.status": "STARTED"}
    name, events = "Wait for the load", 0
    while name != "Why did the load fail?":
        state = each["States"][name]
        events += EVENTS[state["Type"]]
        if state["Type"] == "Wait":
            found[at] += state.get("Seconds") or found[state["SecondsPath"]]
        elif state["Type"] == "Pass":
            found[wait] *= 2
        rules = (rule["Next"] for rule in state.get("Choices", []) if holds(rule, found))
        name = next(rules, state.get("Default") or state.get("Next"))
    return events


@pytest.mark.parametrize("poll_seconds", [1, 2, 5, 31, 59, 60, 600])
def test_history_holds_an_hour_of_every_load(poll_seconds: int) -> None:
    one = EVENTS_OF_THE_REST + events_of_a_load(poll_seconds)
    assert MOST_DATASETS * one < MOST_EVENTS


def test_history_holds_twelve_hours_of_five_loads_at_once() -> None:
    machine = json.loads(DEFINITION.read_text())
    hours = (
        machine["TimeoutSeconds"] / 3600 * machine["States"]["For each dataset"]["MaxConcurrency"]
    )
    rest = MOST_DATASETS * EVENTS_OF_THE_REST
    assert hours * events_of_a_load(1) + rest < MOST_EVENTS


def test_more_datasets_than_the_history_holds_are_refused() -> None:
    limit = {"Variable": f"$.datasets[{MOST_DATASETS}]", "IsPresent": False}
    whole = json.loads(DEFINITION.read_text())["States"]["Is the input whole?"]
    assert limit in whole["Choices"][0]["And"]
    names = [f"d{number}" for number in range(MOST_DATASETS + 1)]
    with pytest.raises(UsageError, match="51 datasets .* 50\n  fix: "):
        execution.start_batch(environment="local", run_date=DAY, datasets=names)


# The function


def test_function_uses_its_own_role_and_the_data_api() -> None:
    settings = load_settings("local").model_copy(update={"profile": "mine", "role_arn": "arn"})
    made = for_function(settings)
    assert (made.profile, made.role_arn, made.warehouse.loader) == (None, None, "data-api")


@pytest.mark.parametrize("event", [{}, {"step": "dance"}, {"step": "look"}])
def test_function_refuses_events_that_name_no_step_or_no_run(event: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        run_step(event, load_settings("local"))


def test_function_reads_no_contract_from_elsewhere() -> None:
    named = {"dataset": "orders", "run_date": "2026-01-01", "execution": "e"}
    named |= {"started_at": "2026-01-02T00:00:00Z", "contract_uri": "s3://somebody/else.json"}
    with pytest.raises(UsageError, match="no compiled contract"):
        run_step({"step": "look", "run": named}, load_settings("local"))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("run_date", "2026-1-1", 'run_date "2026-1-1" is not a date\n  fix: .* 2026-01-31$'),
        ("started_at", "soon", 'started_at "soon" is not a time\n  fix: .* 2026-01-31T00:15:00Z$'),
        ("entered_at", "", 'entered_at "" is not a time'),
    ],
)
def test_function_says_which_date_or_time_it_cannot_read(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, message: str
) -> None:
    monkeypatch.setattr(requests, "_read_contract", lambda *_: None)
    named = {"dataset": "orders", "run_date": "2026-01-01", "execution": "e", "contract_uri": "u"}
    named |= {"started_at": "2026-01-02T00:00:00Z"}
    event = {"step": "look", "run": named | {name: text}, "entered_at": "2026-01-02T00:00:00Z"}
    with pytest.raises(UsageError, match=message):
        run_step(event | {name: text}, load_settings("local"))


def test_function_lets_a_contract_that_it_cannot_read_say_so_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any) -> None:
        raise ContractError("it is broken")

    monkeypatch.setattr(requests, "_read_contract", refuse)
    named = {"dataset": "orders", "run_date": "2026-01-01", "execution": "e", "contract_uri": "u"}
    with pytest.raises(ContractError, match="it is broken"):
        run_step({"step": "look", "run": named}, load_settings("local"))


class Leases:
    """The leases' part: given back, they are no longer this execution's."""

    def __init__(self) -> None:
        self.are_mine = True

    def confirm(self) -> None:
        if not self.are_mine:
            raise LeaseLostError("another run has it")

    def give_back(self, *_: Any) -> None:
        self.are_mine = False


EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:m:2026-01-01-abc"


def complete_request(run: Run) -> Request:
    stage = {"name": "extract", "seconds": 1.5, "rows": 3, "bytes": 99, "cost_usd": 0.0}
    given = {"extracted": {"stage": stage}}
    return Request(run=run, execution=EXECUTION, given=given, entered_at=datetime.now(UTC))


def test_complete_whose_answer_was_lost_gives_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    settings, contract = load_settings("local"), orders_contract()
    settings = settings.model_copy(update={"role_arn": None})
    contract = replace(contract, places=replace(contract.places, processed="", schema=""))
    leases, finished = Leases(), []

    def finish(run: Run, _: Any) -> None:
        run.confirm()
        finished.append(run.run_id)

    manifest = Manifest(
        dataset="orders",
        run_date=DAY,
        source="shop",
        encoding="json",
        objects=(),
        rows=3,
        bytes=99,
        contract_uri="s3://b/c.json",
    )
    monkeypatch.setattr(publishing, "finish", finish)
    monkeypatch.setattr(publishing, "give_back", leases.give_back)
    monkeypatch.setattr(Request, "manifest", lambda _: manifest)
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=settings.buckets.artifacts)
        monkeypatch.setattr(Run, "client", lambda *_, **__: client)
        run = Run(
            run_id="one",
            run_date=DAY,
            contract=contract,
            settings=settings,
            confirm=leases.confirm,
        )
        answer = complete(complete_request(run))
        assert complete(complete_request(run)) == answer
        assert (answer["rows"], answer["extracted"], answer["run_id"]) == (3, 3, "one")
        with pytest.raises(LeaseLostError):
            complete(complete_request(replace(run, run_id="another")))
    assert finished == ["one"]


@pytest.mark.parametrize(
    ("statement_bytes", "check_bytes", "fits"),
    [(190_000, 1_000, True), (190_000, 60_000, False), (240_000, 1_000, False)],
)
def test_load_that_the_state_cannot_hold_beside_the_checks_is_refused(
    statement_bytes: int, check_bytes: int, fits: bool
) -> None:
    run = Run(
        run_id="one", run_date=DAY, contract=orders_contract(), settings=load_settings("local")
    )
    given = {"validated": {"checks": [CHECK | {"column": "x" * check_bytes}]}}
    request = Request(run=run, execution=EXECUTION, given=given, entered_at=datetime.now(UTC))
    answer = {"statements": ["x" * statement_bytes]}
    if fits:
        loading._check_size(request, answer)
    else:
        with pytest.raises(WarehouseError, match="orders has so many columns .* Step Functions"):
            loading._check_size(request, answer)


# Failures


def caught(step: str, error: str, cause: Any) -> dict[str, str]:
    """What the Map's Catch holds of a dataset's failure."""
    text = cause if isinstance(cause, str) else json.dumps(cause)
    inner = {"dataset": "orders", "failure": {step: {"Error": error, "Cause": text}}}
    return {"Error": "DatasetFailed", "Cause": json.dumps(inner)}


@pytest.mark.parametrize(
    ("step", "error", "cause", "words"),
    [
        ("extract", "SourceError", {"errorMessage": "no answer", "stackTrace": []}, "no answer"),
        (
            "transform",
            "States.TaskFailed",
            {"Id": "jr_1", "JobName": "j", "JobRunState": "FAILED", "ErrorMessage": "boom"},
            "job run jr_1 of j FAILED: boom",
        ),
        (
            "validate",
            "ValidationError",
            [CHECK | {"passed": False, "severity": "error"}]
            + [CHECK | {"name": "other", "passed": True, "severity": "error"}],
            "the processed data fail: min_rows: 0, expected >= 1",
        ),
        ("load", "States.Timeout", "", "States.Timeout"),
    ],
)
def test_failure_is_read_from_what_the_map_caught(
    step: str, error: str, cause: Any, words: str
) -> None:
    failure = read_failure(caught(step, error, cause))
    assert (failure.dataset, failure.step) == ("orders", step)
    assert (failure.error, failure.cause) == (error, words)


def test_explain_says_what_where_why_and_the_next_command() -> None:
    event = {
        "failure": caught("extract", "SourceError", {"errorMessage": "no answer"}),
        "execution": "arn:aws:states:us-east-1:123456789012:execution:m:2026-01-01-abc",
        "input": {"run_date": "2026-01-01", "datasets": ["airports", "orders"]},
    }
    told = explain(event, load_settings("local"))
    assert told["cause"] == "orders 2026-01-01 extract: SourceError: no answer"
    for words in (
        "orders 2026-01-01",
        "execution 2026-01-01-abc failed in local",
        "step extract",
        "SourceError: no answer",
        "python flows/heavy_batch.py --run-date 2026-01-01 --datasets airports,orders --env local",
    ):
        assert words in told["message"]
    assert told["subject"].isascii() and len(told["subject"]) <= 100


def test_explain_of_input_that_nobody_can_use_still_says_so() -> None:
    event = {
        "failure": {"Error": "InputError", "Cause": "the input needs run_date"},
        "execution": "arn:x:m:e",
        "input": {"run_date": 7},
    }
    assert "the input needs run_date" in explain(event, load_settings("local"))["message"]
