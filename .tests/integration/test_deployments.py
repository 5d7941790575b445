"""`make server`: a real Prefect server and worker, on which everything is deployed and runs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.pipeline_runs import ROOT, Bench, rows_url

from etl.contracts import list_datasets
from local_cloud.context import Child

DAY = "2026-03-01"
DEPLOY = (sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all")
ENGINE = "duckdb"
OTHERS = {"archive", "backfill", "heavy-batch"}


@dataclass(frozen=True)
class Server:
    """A running `make server`."""

    process: Child
    api_url: str

    def ask(self, path: str, content: Any = None) -> Any:
        """A request to Prefect's API: POST where there is content."""
        body = None if content is None else json.dumps(content, default=str).encode()
        request = urllib.request.Request(
            self.api_url + path, data=body, headers={"Content-Type": "application/json"}
        )
        for pause_seconds in (1, 2, 4, 0):
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as error:
                if error.code != 503 or not pause_seconds:  # its database is busy
                    raise
            time.sleep(pause_seconds)

    def deployment(self, name: str) -> str:
        """The id of <flow>/<deployment>."""
        return str(self.ask(f"/deployments/name/{name}")["id"])

    def create_run(self, name: str, **content: Any) -> str:
        """A flow run of a deployment; its id."""
        run = self.ask(f"/deployments/{self.deployment(name)}/create_flow_run", content)
        return str(run["id"])

    def wait(self, find: Callable[[], Any], seconds: float) -> Any:
        """What is found in the end."""
        deadline = time.monotonic() + seconds
        while not (found := find()):
            assert time.monotonic() < deadline and self.process.poll() is None
            time.sleep(0.5)
        return found

    def finished(self, run: str) -> dict[str, Any]:
        """A flow run at its end."""

        def find() -> dict[str, Any] | None:
            found: dict[str, Any] = self.ask(f"/flow_runs/{run}")
            return found if found["end_time"] else None

        done: dict[str, Any] = self.wait(find, 300)
        return done


@pytest.fixture(scope="module")
def server(bench: Bench) -> Iterator[Server]:
    """The command, on the session's embedded cloud; it dies with this process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = Child(
        [sys.executable, "-m", "tools.deploy.server", "--port", str(port)],
        cwd=ROOT,
        env=environ() | bench.environ | rows_url(300),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    said = []
    for line in process.stdout:
        said.append(line)
        if "Ctrl-C ends it" in line:
            break
    assert process.poll() is None, "".join(said)
    yield Server(process, f"http://127.0.0.1:{port}/api")
    process.kill()
    process.wait(timeout=60)


@pytest.fixture(scope="module")
def told(client: Callable[[str], Any]) -> Iterator[Callable[[], str]]:
    """Takes one message from the alerts' topic, or ""."""
    sqs, sns = client("sqs"), client("sns")
    queue = sqs.create_queue(QueueName="prefect-alerts")["QueueUrl"]
    account = "arn:aws:{}:us-east-1:123456789012:{}"
    made = sns.subscribe(
        TopicArn=account.format("sns", "etl-local-alerts"),
        Protocol="sqs",
        Endpoint=account.format("sqs", "prefect-alerts"),
        Attributes={"RawMessageDelivery": "true"},
    )

    def take() -> str:
        messages = sqs.receive_message(QueueUrl=queue).get("Messages", [])
        for each in messages:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"])
        return "".join(each["Body"] for each in messages)

    yield take
    sns.unsubscribe(SubscriptionArn=made["SubscriptionArn"])
    sqs.delete_queue(QueueUrl=queue)


def environ() -> dict[str, str]:
    """This process's variables without what leads to a server of Prefect's."""
    return {name: text for name, text in os.environ.items() if not name.startswith("PREFECT_")}


def test_deploying_is_refused_where_no_server_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        DEPLOY,
        cwd=ROOT,
        env=environ() | {"PREFECT_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "Please set PREFECT_API_URL" in " ".join(done.stdout.split())
    assert not list(tmp_path.glob("*.db*"))


def test_deploying_again_changes_nothing(server: Server) -> None:
    before = server.ask("/deployments/filter", {})
    done = subprocess.run(
        DEPLOY,
        cwd=ROOT,
        env=environ() | {"PREFECT_API_URL": server.api_url},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    after = server.ask("/deployments/filter", {})
    names = {f"{name}-local" for name in (*list_datasets(), *OTHERS)}
    assert {each["name"] for each in after} == names
    assert {each["id"] for each in after} == {each["id"] for each in before}
    assert {each["work_pool_name"] for each in after} == {"etl-local"}


def test_worker_runs_what_is_clicked_and_what_is_scheduled(server: Server, bench: Bench) -> None:
    archive = server.deployment("archive/archive-local")
    server.ask(
        f"/deployments/{archive}/schedules",
        [
            {
                "schedule": {
                    "interval": 120,
                    "anchor_date": datetime.now(UTC) + timedelta(seconds=20),
                },
                "active": True,
                "parameters": {"dry_run": True},
            }
        ],
    )
    clicked = server.create_run("full-pipeline/orders-local", parameters={"run_date": DAY})
    done = server.finished(clicked)
    assert (done["state_name"], done["name"]) == ("Completed", f"orders {DAY}")
    assert bench.query("SELECT COUNT(*) FROM {s}.orders") != [(0,)]
    of_clicked = {"logs": {"flow_run_id": {"any_": [clicked]}}}

    def tells_of_the_load() -> bool:
        logged = server.ask("/logs/filter", of_clicked)
        return any(each["name"] == "etl" and "load  " in each["message"] for each in logged)

    assert server.wait(tells_of_the_load, 60)  # its process sends the last lines as it ends
    of_run = {"artifacts": {"flow_run_id": {"any_": [clicked]}}}
    assert server.ask("/artifacts/filter", of_run)

    wanted = {
        "flow_runs": {"deployment_id": {"any_": [archive]}, "start_time": {"is_null_": False}}
    }
    scheduled = server.wait(lambda: server.ask("/flow_runs/filter", wanted), 300)[0]
    assert scheduled["auto_scheduled"]
    assert server.finished(scheduled["id"])["state_name"] == "Completed"


@pytest.mark.parametrize(
    ("state", "title", "cause"),
    [
        ({"type": "CRASHED", "message": 'killed: "9"\nby hand'}, "crashed", 'killed: "9"'),
        ({"type": "SCHEDULED", "name": "Late"}, "is late", "due at 20"),
    ],
)
def test_run_that_cannot_tell_of_itself_is_told_once(
    server: Server, told: Callable[[], str], state: dict[str, str], title: str, cause: str
) -> None:
    later = {"scheduled_time": datetime.now(UTC) + timedelta(days=1)}
    run = server.create_run(
        "full-pipeline/orders-local", state={"type": "SCHEDULED", "state_details": later}
    )
    server.ask(f"/flow_runs/{run}/set_state", {"state": state, "force": True})
    message = server.wait(told, 120)
    first, _, rest = message.partition("\n")
    assert first == f"full-pipeline/orders-local {title} in local"
    assert f"cause: {cause}" in rest and f"/runs/flow-run/{run}" in rest
    assert message.count("where:") == 1 and not told()


def test_ctrl_c_ends_all_that_was_started(server: Server) -> None:
    run = server.create_run("full-pipeline/airports-local", parameters={"run_date": DAY})
    server.wait(lambda: server.ask(f"/flow_runs/{run}")["state_type"] == "RUNNING", 120)
    family = psutil.Process(server.process.pid).children(recursive=True)
    server.process.send_signal(signal.SIGINT)
    out, _ = server.process.communicate(timeout=120)
    assert (server.process.returncode, "stopped" in out) == (130, True)
    assert [each for each in family if each.is_running()] == []
