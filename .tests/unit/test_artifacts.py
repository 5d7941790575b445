"""What Prefect's pages show of a run: rows and texts."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from aws.glue.job_runs import JobRun
from etl.archiving.report import ArchiveReport, Counts
from etl.artifacts.artifact import (
    Artifact,
    artifact_key,
    code,
    code_block,
    duration,
    plain,
)
from etl.artifacts.job_progress import estimate_percent, job_progress_artifact
from etl.artifacts.places import glue_console_url, places_artifact, s3_console_url
from etl.artifacts.report import checks_artifact, report_artifact
from etl.artifacts.summaries import archive_artifact, backfill_artifact, batch_artifact
from etl.backfill_report import BackfillReport, DateResult
from etl.report import Rows, RunReport, StageReport

DAY = date(2026, 1, 1)
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_artifact_key_of_any_dataset_is_one_that_prefect_takes() -> None:
    assert artifact_key("price_list", "report") == "price-list-report"
    assert artifact_key("_Größe__2", "glue") == "gr-e-2-glue"


def test_artifact_says_what_kind_it_is_and_how_it_is_kept() -> None:
    rows = [{"step": "extract", "rows": "é"}]
    assert Artifact(key="k", content=rows).kind == "table"
    assert json.loads(str(Artifact(key="k", content=rows).data)) == rows
    assert (Artifact(key="k", content="# x").kind, Artifact(key="k", content="x").data) == (
        "markdown",
        "x",
    )
    assert (Artifact(key="k", content=12.5).kind, Artifact(key="k", content=12.5).data) == (
        "progress",
        12.5,
    )


def test_received_text_cannot_leave_its_place_in_markdown() -> None:
    assert plain("a_b *c* [d](e)\n<f>|") == r"a\_b \*c\* \[d\](e) \<f\>\|"
    assert code("a`b``c") == "```a`b``c```"
    assert code("`a") == "`` `a ``"
    assert code_block("x\n````\n# y").splitlines()[0] == "`````text"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.44, "0.4 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (125, "2 min 5 s"), (3725, "1 h 2 min")],
)
def test_duration_reads_as_people_say_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def make_report(**changes: Any) -> RunReport:
    given: dict[str, Any] = {
        "dataset": "price_list",
        "run_date": DAY,
        "run_id": "abc",
        "environment": "local",
        "status": "succeeded",
        "rows": Rows(extracted=2003, deduplicated=20, quarantined=31, loaded=1949, rejected=3),
        "table_rows": 1949,
        "deleted_rows": 2,
        "stages": (
            StageReport(name="extract", seconds=1.54, rows=2000, bytes=154_507, cost_usd=0.00001),
            StageReport(name="transform", seconds=1000, rows=1949, bytes=None, cost_usd=0.02),
        ),
        "places": {},
        "prices_as_of": date(2026, 11, 1),
        "contract_version": "1.0.0",
        "contract_fingerprint": "0123456789ab",
    }
    return RunReport(**given | changes)


def test_report_is_a_table_of_formatted_figures_with_a_sum() -> None:
    artifact = report_artifact(make_report())
    assert artifact.key == "price-list-report"
    assert artifact.content == [
        {
            "step": "extract",
            "rows": "2,000",
            "bytes": "154.5 kB",
            "seconds": "1.5",
            "cost, USD": "<0.0001",
        },
        {
            "step": "transform",
            "rows": "1,949",
            "bytes": "",
            "seconds": "1,000.0",
            "cost, USD": "0.0200",
        },
        {"step": "all", "rows": "", "bytes": "", "seconds": "1,001.5", "cost, USD": "0.0200"},
    ]


def test_report_tells_where_the_rows_went() -> None:
    text = report_artifact(make_report()).description
    assert r"**price\_list 2026-01-01** succeeded in local: 2,003 extracted = 1,949 loaded" in text
    assert "3 rejected are dead letters" in text
    assert "The table has 1,949 rows, 2 are gone from the source" in text
    without = report_artifact(make_report(table_rows=None)).description
    assert "table" not in without


def make_check(name: str, **changes: Any) -> dict[str, Any]:
    given = {"name": name, "column": None, "passed": True, "measured": 0, "expected": 0}
    return given | {"severity": "error"} | changes


def test_checks_that_failed_come_first() -> None:
    artifact = checks_artifact(
        "orders",
        DAY,
        [
            make_check("rows_written", measured=1949, expected=1949),
            make_check("late", passed=False, severity="warning", measured=None, expected="<= 48"),
            make_check("required", column="email", passed=False, measured=1200),
        ],
    )
    assert artifact.content == [
        {"ok": "no", "check": "required", "column": "email", "expected": "0", "found": "1,200"},
        {
            "ok": "warning",
            "check": "late",
            "column": "",
            "expected": "<= 48",
            "found": "nothing to measure",
        },
        {"ok": "yes", "check": "rows_written", "column": "", "expected": "1,949", "found": "1,949"},
    ]
    assert artifact.description.startswith(
        "orders 2026-01-01: 3 checks, 1 failed, 1 gave a warning; the warehouse has not seen this"
    )
    one = checks_artifact("orders", DAY, [make_check("a")])
    assert one.description.startswith("orders 2026-01-01: 1 check, all passed.")


def test_places_have_links_where_there_is_a_console() -> None:
    places = {"raw": "s3://b/raw/x y/", "warehouse": "etl.public.orders"}
    linked = places_artifact("orders", DAY, places, region="eu-west-1", has_console=True)
    host = "https://eu-west-1.console.aws.amazon.com"
    url = f"{host}/s3/buckets/b?region=eu-west-1&prefix=raw/x%20y/"
    assert f"| raw | `s3://b/raw/x y/` | [open]({url}) |" in str(linked.content)
    assert "| warehouse | `etl.public.orders` |  |" in str(linked.content)
    bare = places_artifact("orders", DAY, places, region="eu-west-1", has_console=False)
    assert "| raw | `s3://b/raw/x y/` |\n" in str(bare.content)
    assert "https://" not in str(bare.content)


def test_console_urls_follow_the_partition_and_tell_objects_from_prefixes() -> None:
    assert s3_console_url("s3://b/runs/report.json", region="cn-north-1").startswith(
        "https://cn-north-1.console.amazonaws.cn/s3/object/b?"
    )
    assert s3_console_url("s3://b", region="us-gov-west-1").startswith(
        "https://us-gov-west-1.console.amazonaws-us-gov.com/s3/buckets/b?"
    )
    assert glue_console_url("a job", "jr_1", region="us-east-1").endswith("#/job/a%20job/run/jr_1")


def test_estimate_grows_with_time_and_never_ends_by_itself() -> None:
    seconds = [0, 10, 44, 45, 90, 900, 10**6]
    percents = [estimate_percent(each, 45) for each in seconds]
    assert percents == sorted(set(percents))
    assert percents[0] == 0
    assert percents[3] == 90
    assert percents[-1] < 100
    assert 0 <= estimate_percent(-1, 0) < estimate_percent(5, 0) < 100


def make_run(state: str, *, seconds: float, ended: bool = False, message: str = "") -> JobRun:
    return JobRun(
        job_name="etl-transform",
        run_id="jr_1",
        state=state,
        started_on=NOW - timedelta(seconds=seconds),
        completed_on=NOW if ended else None,
        execution_seconds=0,
        arguments={"run_date": "2026-01-01"},
        error_message=message,
        log_group="/aws-glue/jobs",
    )


def test_job_run_with_an_earlier_one_to_go_by_shows_a_percentage() -> None:
    earlier = make_run("SUCCEEDED", seconds=100, ended=True)
    running = job_progress_artifact("orders", make_run("RUNNING", seconds=50), earlier, now=NOW)
    assert (running.key, running.content) == ("orders-glue", 45.0)
    assert "orders 2026-01-01: **RUNNING** for 50 s" in running.description
    assert "An estimate: the dataset's last run that succeeded took 1 min 40 s" in (
        running.description
    )
    done = job_progress_artifact(
        "orders", make_run("SUCCEEDED", seconds=70, ended=True), earlier, now=NOW
    )
    assert done.content == 100.0
    assert "**SUCCEEDED** after 1 min 10 s" in done.description
    failed = job_progress_artifact(
        "orders", make_run("FAILED", seconds=50, ended=True, message="no_space"), earlier, now=NOW
    )
    assert failed.content == 45.0
    assert r"**FAILED** after 50 s: no\_space" in failed.description


def test_first_job_run_of_a_dataset_shows_no_percentage_but_its_state() -> None:
    waiting = replace(make_run("WAITING", seconds=0), started_on=None)
    artifact = job_progress_artifact("orders", waiting, None, now=NOW, console_url="https://c/")
    assert artifact.kind == "markdown"
    assert "**WAITING** for 0.0 s" in str(artifact.content)
    assert "[etl-transform, run `jr_1`](https://c/)" in str(artifact.content)
    assert "No run to compare it with" in str(artifact.content)


def test_backfill_shows_every_date_and_the_first_line_of_a_cause() -> None:
    report = BackfillReport(
        dataset="orders",
        environment="local",
        dates=(
            DateResult(run_date=DAY, status="succeeded", rows=1949, seconds=61.25),
            DateResult(
                run_date=date(2026, 1, 2), status="failed", cause="no table\n  fix: make it"
            ),
        ),
    )
    artifact = backfill_artifact(report)
    assert (artifact.key, artifact.description) == (
        "orders-backfill",
        "**orders** in local: 1 succeeded, 1 failed",
    )
    assert [tuple(each.values()) for each in artifact.content] == [  # type: ignore[union-attr]
        ("2026-01-01", "succeeded", "1,949", "61.2", ""),
        ("2026-01-02", "failed", "", "", "no table"),
    ]


def test_batch_shows_every_dataset() -> None:
    dataset = {"dataset": "orders", "extracted": 2000, "quarantined": 31, "rows": 1949}
    report = {
        "run_date": "2026-01-01",
        "environment": "local",
        "seconds": 61.0,
        "execution": "arn:aws:states:us-east-1:1:execution:m:e",
        "datasets": [dataset | {"table_rows": None, "report_uri": "s3://b/report.json"}],
    }
    artifact = batch_artifact(report)
    assert artifact.content == [
        {
            "dataset": "orders",
            "extracted": "2,000",
            "quarantined": "31",
            "rows": "1,949",
            "table rows": "",
            "report": "s3://b/report.json",
        }
    ]
    assert "succeeded in local after 1 min 1 s" in artifact.description


def test_archive_shows_figures_and_what_stays() -> None:
    report = ArchiveReport(
        environment="local",
        source="s3://p/processed/",
        target="s3://a/processed/",
        before=DAY,
        is_dry_run=True,
        counts=Counts(listed=2000, objects=3, bytes=4500, errors=1, failures=[["k", "locked"]]),
        cursor=None,
        seconds=2,
    )
    artifact = archive_artifact(report)
    rows = [tuple(each.values()) for each in artifact.content]  # type: ignore[union-attr]
    assert ("would go", "3 objects, 4.5 kB") in rows
    assert ("stays", "k: locked") in rows
    assert "**failed** in local after 2.0 s: run dates before 2026-01-01" in artifact.description
