"""What is accepted is carried by one run a window, and no failure to start it is a request's."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from moto import mock_aws
from pydantic import ValidationError
from support.ingest import collected, event_record, make_api, post

from etl.ingest.deployment import Deployment
from etl.ingest.openapi import function_environment
from etl.ingest.starting import Starter, make_starter, start_by_state_machine
from etl.ingest.window import Window
from etl.settings import OnAccept, load_settings

DAY = date(2026, 1, 31)
NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
NAME = "ingest-events-2026-01-31-20260131T1215Z"
MACHINE = "etl-local-full-pipeline"
FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:etl-local-ingest"


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def states() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("stepfunctions", region_name="us-east-1")
        definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
        role = "arn:aws:iam::123456789012:role/machine"
        client.create_state_machine(name=MACHINE, definition=definition, roleArn=role)
        yield client


def machine_arn(states: Any) -> str:
    arn: str = states.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    return arn


def executions(states: Any) -> dict[str, Any]:
    """The inputs of all executions, by name."""
    found = states.list_executions(stateMachineArn=machine_arn(states))["executions"]
    described = [states.describe_execution(executionArn=one["executionArn"]) for one in found]
    return {each["name"]: json.loads(each["input"]) for each in described}


# Windows


@pytest.mark.parametrize(
    ("seconds", "end"), [(0, "12:15"), (1, "12:15"), (899.9, "12:15"), (900, "12:30")]
)
def test_window_ends_after_every_moment_in_it(seconds: float, end: str) -> None:
    moment = NOON + timedelta(seconds=seconds)
    window = Window.at(moment, "events", DAY, minutes=15)
    assert f"{window.ends_at:%H:%M}" == end
    assert window.starts_at > window.ends_at > moment


def test_window_name_tells_dataset_date_and_end_and_fits_whatever_the_dataset() -> None:
    assert Window.at(NOON, "events", DAY, minutes=15).name == NAME
    names = {Window.at(NOON, "d" * n, DAY, minutes=15).name for n in (46, 47, 48, 60, 61)}
    assert len(names) == 5 and max(map(len, names)) == 80


# The state machine


def test_many_requests_in_many_processes_start_one_execution_a_window(states: Any) -> None:
    clock = Clock()
    start = start_by_state_machine(states, state_machine_arn=machine_arn(states))
    processes = [Starter(start, window_minutes=15, clock=clock) for _ in range(3)]
    for minute in range(20):
        clock.now = NOON + timedelta(minutes=minute)
        for starter in processes:
            starter("events", DAY)
    given = {"datasets": ["events"], "run_date": "2026-01-31"}
    assert executions(states) == {
        NAME: given | {"not_before": "2026-01-31T12:15:05Z"},
        NAME.replace("1215Z", "1230Z"): given | {"not_before": "2026-01-31T12:30:05Z"},
    }


def test_one_window_has_an_execution_for_each_dataset_and_date(states: Any) -> None:
    start = start_by_state_machine(states, state_machine_arn=machine_arn(states))
    starter = Starter(start, window_minutes=15, clock=Clock())
    for dataset, run_date in [("events", DAY), ("clicks", DAY), ("events", date(2026, 1, 30))]:
        starter(dataset, run_date)
    assert len(executions(states)) == 3


def test_starter_asks_once_a_window_and_again_after_a_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[str] = []

    def start(window: Window) -> None:
        asked.append(window.name)
        if len(asked) == 1:
            raise TimeoutError("no answer")

    starter = Starter(start, window_minutes=15, clock=Clock())
    for _ in range(4):
        starter("events", DAY)
    assert asked == [NAME, NAME]
    assert caplog.messages == [f"run {NAME} was not started: TimeoutError: no answer"]


# The API


def test_accepted_records_are_committed_before_the_start_and_refused_ones_start_nothing() -> None:
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        api, seen = make_api(s3), []
        api.on_accept = lambda dataset, day: seen.append((dataset, len(collected(s3, day))))
        assert post(api, {})[0] == 422
        assert post(api, event_record(1))[0] == 202
        assert post(api, event_record(1))[0] == 202  # its first answer may never have come
        assert seen == [("events", 1), ("events", 1)]


def test_request_is_accepted_where_nothing_can_be_started() -> None:
    wanted = function_environment(with_on_accept(start="state_machine"))["ON_ACCEPT"]
    with mock_aws():  # there is no state machine
        s3 = boto3.client("s3", region_name="us-east-1")
        api = make_api(s3)
        api.on_accept = make_starter(wanted, function_arn=FUNCTION_ARN)
        assert post(api, event_record(1))[0] == 202
        assert len(collected(s3, datetime.now(UTC).date())) == 1


# Prefect


class Prefect(ThreadingHTTPServer):
    """Prefect's API, as far as it is used: flow runs by idempotency key."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), PrefectHandler)
        self.key = "key-1"
        self.flow_runs: dict[str, Any] = {}
        self.posts = 0


class PrefectHandler(BaseHTTPRequestHandler):
    server: Prefect

    def do_GET(self) -> None:
        self._answer(self.path == "/api/deployments/name/full-pipeline/daily", {"id": "d-1"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.posts += 1
        if self._answer(self.path == "/api/deployments/d-1/create_flow_run", {"id": "r-1"}):
            self.server.flow_runs.setdefault(body["idempotency_key"], body)

    def _answer(self, is_known: bool, content: Any) -> bool:
        allowed = self.headers["Authorization"] == f"Bearer {self.server.key}"
        self.send_response((200 if is_known else 404) if allowed else 401)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())
        return allowed and is_known

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def prefect() -> Iterator[Prefect]:
    with Prefect() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def deployment(prefect: Prefect) -> Deployment:
    return Deployment(
        api_url=f"http://127.0.0.1:{prefect.server_port}/api/",
        name="full-pipeline/daily",
        environment="dev",
        read_key=lambda: prefect.key,
    )


def test_deployment_has_one_flow_run_scheduled_for_the_window_s_end(prefect: Prefect) -> None:
    from prefect.server.schemas.actions import DeploymentFlowRunCreate

    for _ in range(2):
        Starter(deployment(prefect).start, window_minutes=15, clock=Clock())("events", DAY)
    assert (list(prefect.flow_runs), prefect.posts) == ([NAME], 2)
    sent = DeploymentFlowRunCreate.model_validate(prefect.flow_runs[NAME])
    assert sent.parameters == {"dataset": "events", "run_date": "2026-01-31", "env": "dev"}
    assert sent.state is not None and sent.state.type.value == "SCHEDULED"
    assert sent.state.state_details.scheduled_time == NOON + timedelta(minutes=15, seconds=5)


def test_deployment_with_another_key_than_before_is_found_on_the_next_try(
    prefect: Prefect, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    starter = Starter(deployment(prefect).start, window_minutes=15, clock=clock)
    starter("events", DAY)
    prefect.key, clock.now = "key-2", NOON + timedelta(minutes=15)
    starter("events", DAY)
    assert len(prefect.flow_runs) == 1
    assert "HTTP Error 401" in caplog.text and "key-" not in caplog.text
    starter("events", DAY)
    assert len(prefect.flow_runs) == 2


# Settings


def with_on_accept(**wanted: Any) -> Any:
    settings = load_settings("local")
    ingest = settings.ingest.model_copy(update={"on_accept": OnAccept(**wanted)})
    return settings.model_copy(update={"ingest": ingest})


def test_function_starts_nothing_by_default() -> None:
    assert "ON_ACCEPT" not in function_environment(load_settings("local"))


def test_function_starts_the_environment_s_machine_in_its_own_account(states: Any) -> None:
    wanted = function_environment(with_on_accept(start="state_machine", window_minutes=5))
    make_starter(wanted["ON_ACCEPT"], function_arn=FUNCTION_ARN)("events", DAY)
    (name,) = executions(states)
    assert name.startswith("ingest-events-2026-01-31-")


def test_function_reads_prefect_s_key_from_its_secret(prefect: Prefect) -> None:
    settings = with_on_accept(
        start="deployment", deployment="full-pipeline/daily", api_url="https://p/api", secret="p"
    )
    wanted = json.loads(function_environment(settings)["ON_ACCEPT"])
    wanted["api_url"] = f"http://127.0.0.1:{prefect.server_port}/api"
    with mock_aws():
        secrets = boto3.client("secretsmanager", region_name="us-east-1")
        secrets.create_secret(Name="p", SecretString=prefect.key)
        make_starter(json.dumps(wanted), function_arn=FUNCTION_ARN)("events", DAY)
    (run,) = prefect.flow_runs.values()
    assert run["parameters"]["env"] == "local"


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"start": "deployment", "deployment": "full-pipeline/daily"}, "takes deployment and"),
        ({"start": "deployment", "deployment": "daily", "api_url": "https://p"}, "pattern"),
        ({"start": "deployment", "deployment": "a/b", "api_url": "file:///p"}, "pattern"),
        (
            {"start": "deployment", "deployment": "a/b", "api_url": "http://p", "secret": "s"},
            "the key would be seen",
        ),
        ({"start": "state_machine", "window_minutes": 0}, "greater than or equal to 1"),
    ],
)
def test_on_accept_that_cannot_work_is_refused(wanted: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        OnAccept(**wanted)
