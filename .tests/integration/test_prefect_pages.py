"""What Prefect shows of a run: the graph's arrows, names, artifacts, assets."""

from __future__ import annotations

import importlib
import json
import time
from dataclasses import dataclass
from datetime import date
from types import ModuleType
from typing import Any, cast

import httpx
import pytest
from support.pipeline_runs import Bench, rows_url

from aws.glue.job_runs import JobRun
from etl.artifacts import Artifact
from etl.run import Run
from local_cloud.source_orders import expected_counts

DAY = date(2026, 1, 4)
ROWS = 640
STEPS = ["start", "extract", "transform", "validate", "load", "publish", "finish", "report"]


@dataclass(frozen=True)
class Server:
    """Prefect's API."""

    url: str

    def post(self, path: str, **body: Any) -> Any:
        """The answer to a query."""
        answer = httpx.post(f"{self.url}{path}", json=body)
        answer.raise_for_status()
        return answer.json()

    def flow_run(self, flow: str, name: str) -> dict[str, Any]:
        """The newest flow run of that name."""
        found: dict[str, Any] = self.post(
            "/flow_runs/filter",
            flows={"name": {"any_": [flow]}},
            flow_runs={"name": {"any_": [name]}},
            sort="START_TIME_DESC",
        )[0]
        return found

    def arrows(self, flow_run: dict[str, Any]) -> set[tuple[str, str]]:
        """The graph's arrows, as the names of what they lead from and to."""
        answer = httpx.get(f"{self.url}/flow_runs/{flow_run['id']}/graph-v2")
        nodes = dict(answer.raise_for_status().json()["nodes"])
        return {
            (nodes[parent["id"]]["label"], node["label"])
            for node in nodes.values()
            for parent in node["parents"]
        }

    def artifacts(self, flow_run: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """The flow run's artifacts by their keys."""
        query = {"flow_run_id": {"any_": [flow_run["id"]]}}
        return {each["key"]: each for each in self.post("/artifacts/filter", artifacts=query)}

    def asset_events(self, flow_run: dict[str, Any], count: int) -> list[dict[str, Any]]:
        """The events of assets that the flow run made, once there are so many."""
        query = {
            "event": {"name": ["prefect.asset.materialization.succeeded"]},
            "related": {"id": [f"prefect.flow-run.{flow_run['id']}"]},
            "order": "ASC",
        }
        for _ in range(100):  # events travel on their own
            events: list[dict[str, Any]] = self.post("/events/filter", filter=query)["events"]
            if len(events) >= count:
                break
            time.sleep(0.1)
        return events


@pytest.fixture(scope="module")
def server(prefect_api_url: str) -> Server:
    return Server(prefect_api_url)


@pytest.fixture(scope="module")
def showing(prefect_api_url: str) -> ModuleType:
    """`etl.tasks.showing`, once the harness stands: it imports Prefect."""
    return importlib.import_module("etl.tasks.showing")


@pytest.fixture(scope="module")
def shown(bench: Bench, server: Server, showing: ModuleType) -> dict[str, Any]:
    """The flow run of a day of orders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(showing, "_UPDATE_SECONDS", 0.0)
        bench.run_json(str(DAY), environ=rows_url(ROWS))
    return server.flow_run("full-pipeline", f"orders {DAY}")


def test_graph_has_the_arrows_of_the_diagram(server: Server, shown: dict[str, Any]) -> None:
    names = [f"{step} orders {DAY}" for step in STEPS]
    assert server.arrows(shown) == set(zip(names, names[1:]))


def test_report_and_checks_are_tables(server: Server, shown: dict[str, Any]) -> None:
    artifacts, counts = server.artifacts(shown), expected_counts(ROWS)
    report = artifacts["orders-report"]
    assert report["type"] == "table"
    rows = json.loads(report["data"])
    assert [row["step"] for row in rows] == [*STEPS[1:6], "all"]
    assert [row["rows"] for row in rows[:2]] == [str(ROWS), str(counts.loaded)]
    assert f"{ROWS} extracted = {counts.loaded} loaded" in report["description"]
    checks = json.loads(artifacts["orders-checks"]["data"])
    assert {check["ok"] for check in checks} == {"yes"}
    assert {"check": "rows_written", "expected": str(counts.loaded)}.items() <= checks[2].items()


def test_quarantine_shows_reasons_and_samples_without_personal_values(
    server: Server, shown: dict[str, Any], bench: Bench
) -> None:
    artifacts, counts = server.artifacts(shown), expected_counts(ROWS)
    quarantine = artifacts["orders-quarantine"]
    assert f"{counts.quarantined} of {ROWS} rows" in quarantine["description"]
    assert '"order_id": "ORD-' in quarantine["data"]
    prefix = f"quarantine/sales/orders/ingest_date={DAY}/"
    assert prefix in quarantine["data"] and prefix in artifacts["orders-places"]["data"]
    lines = bench.read_lines(f"s3://etl-local-quarantine/{prefix}")
    for payload in (json.loads(line)["payload"] for line in lines):
        customer = json.loads(payload)["customer"] if payload.startswith('{"') else None
        if isinstance(customer, dict):
            for name in ("name", "email"):
                assert not (value := customer.get(name)) or str(value) not in quarantine["data"]


def test_job_run_is_shown_to_its_end(server: Server, shown: dict[str, Any]) -> None:
    glue = server.artifacts(shown)["orders-glue"]
    text = glue["data"] if glue["type"] == "markdown" else glue["description"]
    assert "**SUCCEEDED** after" in text
    assert glue["type"] == "markdown" or float(glue["data"]) == 100


def test_assets_lead_from_the_source_to_the_warehouse(
    server: Server, shown: dict[str, Any], bench: Bench
) -> None:
    made = {}
    for event in server.asset_events(shown, 3):
        related = [each["prefect.resource.id"] for each in event["related"]]
        made[event["resource"]["prefect.resource.id"]] = (related[0], event["payload"])
    raw, processed = "s3://etl-local-raw/raw/shop/orders", "s3://etl-local-processed/processed"
    table = f"redshift://etl-local/etl/{bench.schema}/orders"
    assert {key: upstream for key, (upstream, _) in made.items()} == {
        raw: rows_url(ROWS)["ETL_PLACES__SHOP_API_URL"] + "/orders",
        f"{processed}/sales/orders": raw,
        table: f"{processed}/sales/orders",
    }
    assert [made[key][1]["rows"] for key in (raw, table)] == [ROWS, expected_counts(ROWS).loaded]
    assert made[table][1]["run_date"] == str(DAY)


def test_dates_of_a_backfill_come_after_its_start(
    server: Server, bench: Bench, shown: dict[str, Any]
) -> None:
    done = bench.backfill(str(DAY), str(DAY), "--force", environ=rows_url(ROWS))
    assert done.code == 0, done.err
    backfill = server.flow_run("backfill", f"orders {DAY} to {DAY}")
    assert server.arrows(backfill) == {(f"start orders {DAY}", f"full-pipeline / orders {DAY}")}
    [row] = json.loads(server.artifacts(backfill)["orders-backfill"]["data"])
    assert (row["date"], row["status"]) == (str(DAY), "succeeded")
    glue = server.artifacts(server.flow_run("full-pipeline", f"orders {DAY}"))["orders-glue"]
    assert (glue["type"], float(glue["data"])) == ("progress", 100)
    assert "the dataset's last run that succeeded took" in glue["description"]


def test_what_cannot_be_shown_fails_nothing_and_is_told_once(
    showing: ModuleType, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError("no server")

    monkeypatch.setattr(showing, "get_client", refuse)
    monkeypatch.setattr(showing, "_UPDATE_SECONDS", 0.0)
    monkeypatch.setattr(showing.JobWatch, "_find_earlier", refuse)
    showing.show(lambda: Artifact(key="orders-report", content="text"))
    watch = showing.JobWatch(cast(Run, None))
    for state in ("STARTING", "RUNNING"):
        watch(job_run(state))
    assert [each.getMessage() for each in caplog.records] == [
        "artifact   not shown in Prefect: no server",
        "progress   not shown in Prefect: no server",
    ]


def job_run(state: str) -> JobRun:
    return JobRun(
        job_name="job",
        run_id="jr_1",
        state=state,
        started_on=None,
        execution_seconds=0,
        arguments={},
        error_message="",
        log_group="",
    )
