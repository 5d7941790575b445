"""The main job from end to end on the embedded cloud: what it must show."""

from __future__ import annotations

import csv
import io
import json
import re
import textwrap
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from support.access_log import stands_for
from support.athena_queries import AthenaQueries
from support.contracts import write_contract
from support.pipeline_runs import NONE_ELSEWHERE, Bench, rows_url

from etl.settings import load_settings
from etl.warehouse.load_sql import load_steps
from etl.warehouse.stage_sql import Step
from local_cloud.source_orders import bad_order, expected_counts, iter_orders, render_order

ROWS = 640  # ten bad rows, six duplicates of all four kinds
DAY, NEXT_DAY = date(2026, 1, 1), date(2026, 1, 2)
BUCKETS = load_settings("local").buckets
STAGES = ["extract", "transform", "validate", "load", "publish"]


@dataclass
class Runs:
    """One date, run again and again."""

    bench: Bench
    reports: list[dict[str, Any]] = field(default_factory=list)
    tables: list[list[tuple[Any, ...]]] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    listings: list[list[str]] = field(default_factory=list)

    def add(self, report: dict[str, Any]) -> None:
        """Note what a run says and what it left."""
        self.reports.append(report)
        self.tables.append([row[:-1] for row in self.bench.table()])  # without _loaded_at
        self.hashes.append(self.bench.table_hash())
        self.listings.append(list_run(self.bench, report))


_RUN_FILES = (
    "drift.json",
    "lease.json",
    "load.json",
    "load.manifest",
    "metrics.json",
    "report.json",
    "validation.json",
)


def list_run(bench: Bench, report: dict[str, Any]) -> list[str]:
    """The run's objects, with the names that Spark draws at random made equal.

    Not load.json, the Data API's receipt, which a run by COPY leaves as it is.
    """
    places = [report["places"][name] for name in ("raw", "processed", "quarantine")]
    places.append(report["places"]["report"].removesuffix("report.json"))
    keys = [key for place in places for key in bench.keys(place) if not key.endswith("/load.json")]
    return sorted(re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "UUID", key) for key in keys)


@pytest.fixture(scope="module")
def runs(bench: Bench) -> Runs:
    """The same date three times: by COPY, by the Data API, by COPY from the command line."""
    made = Runs(bench)
    made.add(bench.run_json(str(DAY), environ=rows_url(ROWS)))
    made.add(bench.run_json(str(DAY), "--loader", "data-api", environ=rows_url(ROWS)))
    done = bench.run_command(str(DAY), "--json", environ=rows_url(ROWS))
    assert "Traceback" not in done.err
    made.add(done.report)
    return made


def test_date_run_three_times_by_both_loaders_ends_the_same(runs: Runs) -> None:
    assert runs.tables[0] == runs.tables[1] == runs.tables[2]
    assert len(set(runs.hashes)) == 1
    assert len({report["run_id"] for report in runs.reports}) == 3
    assert runs.listings[0] == runs.listings[1] == runs.listings[2]


def test_run_counts_agree_wherever_they_are_counted(
    runs: Runs, client: Callable[[str], Any]
) -> None:
    bench, expected = runs.bench, expected_counts(ROWS)
    athena = AthenaQueries(
        client("athena"), client("glue"), client("s3"), BUCKETS.artifacts, bench.schema
    )
    for report in runs.reports:
        assert report["rows"] == vars(expected) | NONE_ELSEWHERE
        assert report["table_rows"] == expected.loaded
    rows = report["rows"]
    assert rows["extracted"] == rows["loaded"] + rows["quarantined"] + rows["deduplicated"]
    day = f"WHERE ingest_date = DATE '{DAY}'"
    assert bench.query(f"SELECT COUNT(*) FROM {{s}}.orders {day}") == [(expected.loaded,)]
    assert athena.rows(f"SELECT COUNT(*) FROM orders {day}") == [[str(expected.loaded)]]
    ledger = "SELECT run_date, run_id, extracted, loaded, quarantined, deduplicated FROM"
    assert bench.query(f"{ledger} {{s}}.orders__ledger WHERE run_date = '{DAY}'") == [
        (DAY, report["run_id"], ROWS, expected.loaded, expected.quarantined, expected.deduplicated)
    ]


def test_run_loads_the_latest_good_row_of_each_order(runs: Runs) -> None:
    found = runs.bench.query(
        "SELECT order_id, customer_name, status, total_amount, note, updated_at, ingest_date"
        f" FROM {{s}}.orders WHERE ingest_date = '{DAY}' ORDER BY order_id"
    )
    assert found == [
        (
            order["order_id"],
            order["customer"]["name"],
            order["status"],
            money(order["subtotal"]) - money(order.get("discount")) + money(order["shipping"]),
            order["note"],
            moment(order),
            DAY,
        )
        for order in latest_orders(DAY, ROWS)
    ]


def latest_orders(day: date, rows: int) -> list[dict[str, Any]]:
    """The good orders of a day as the source's description has them, by key."""
    latest: dict[str, tuple[datetime, bytes, dict[str, Any]]] = {}
    for position, line in enumerate(iter_orders(day, 0, rows)):
        if position % 64 != 41:  # one in 64 is bad
            order = json.loads(line, parse_float=Decimal)
            this = (moment(order), line.encode(), order)
            latest[order["order_id"]] = max(latest.get(order["order_id"], this), this, key=rank)
    return [order for _, (_, _, order) in sorted(latest.items())]


def rank(version: tuple[datetime, bytes, dict[str, Any]]) -> tuple[datetime, bytes]:
    return version[:2]


def moment(order: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(order["updated_at"]).astimezone(timezone.utc)


def money(value: Any) -> Decimal:
    return Decimal(str(value or 0))


def test_run_quarantines_the_bad_rows_as_they_came_with_reasons(runs: Runs) -> None:
    places = runs.reports[0]["places"]
    raw = runs.bench.read_lines(places["raw"])
    rejected = [json.loads(line) for line in runs.bench.read_lines(places["quarantine"])]
    assert raw == list(iter_orders(DAY, 0, ROWS))
    assert sorted(each["payload"] for each in rejected) == sorted(
        bad_order(DAY, position, position // 64) for position in range(41, ROWS, 64)
    )
    assert all(each["reasons"] for each in rejected)
    assert {each["run_date"] for each in rejected} == {str(DAY)}
    assert sum(runs.reports[0]["reject_reasons"].values()) == len(rejected)


def test_run_leaves_no_stray_objects(runs: Runs) -> None:
    bench, places = runs.bench, runs.reports[-1]["places"]
    run_folder = places["report"].removesuffix("report.json")
    metrics = json.loads(bench.read(f"{run_folder}metrics.json"))

    def names(place: str) -> list[str]:
        return [f"s3://{place.split('/')[2]}/{key}" for key in bench.keys(place)]

    assert names(places["raw"]) == [
        f"{places['raw']}{name}" for name in ("_manifest.json", "part-00000.jsonl.gz")
    ]
    assert names(places["processed"]) == [each["uri"] for each in metrics["files"]]
    assert names(places["quarantine"]) == [each["uri"] for each in metrics["quarantine_files"]]
    assert names(run_folder) == [f"{run_folder}{name}" for name in _RUN_FILES]
    assert json.loads(bench.read(places["report"])) == runs.reports[-1]


def test_json_report_has_what_it_promises(runs: Runs) -> None:
    for report in runs.reports:
        assert (report["dataset"], report["run_date"]) == ("orders", str(DAY))
        assert report["status"] == "succeeded"
        assert [stage["name"] for stage in report["stages"]] == STAGES
        for stage in report["stages"]:
            assert stage.keys() == {"name", "seconds", "rows", "bytes", "cost_usd"}
            assert stage["seconds"] > 0 and stage["cost_usd"] > 0
        assert [stage["rows"] for stage in report["stages"]] == [ROWS, *[report["table_rows"]] * 4]
        assert {"raw", "processed", "quarantine", "warehouse", "athena"} <= report["places"].keys()


def test_two_dates_in_either_order_end_in_the_same_table(
    runs: Runs, make_bench: Callable[[], Bench]
) -> None:
    other = make_bench()
    forwards = runs.bench.run_json(str(NEXT_DAY), environ=rows_url(ROWS))
    other.run_json(str(NEXT_DAY), environ=rows_url(ROWS))
    backwards = other.run_json(str(DAY), "--loader", "data-api", environ=rows_url(ROWS))
    assert forwards["table_rows"] == backwards["table_rows"] == 2 * expected_counts(ROWS).loaded
    assert runs.bench.table_hash() == other.table_hash()
    assert [row[:-1] for row in runs.bench.table()] == [row[:-1] for row in other.table()]


@pytest.fixture
def merging(tmp_path: Path, make_bench: Callable[[], Bench]) -> Path:
    """A contract of orders that merges days of JSON lines which share keys; its folder."""

    def edit(document: dict[str, Any]) -> None:
        servers = {server["server"]: server for server in document["servers"]}
        servers["source"] |= {
            "type": "s3",
            "location": "s3://${raw_bucket}/landing/e2e-merge/{run_date}.jsonl",
            "format": "jsonl",
            "customProperties": [{"property": "sourceSystem", "value": "shop"}],
        }
        for layer in ("raw", "processed", "quarantine"):
            servers[layer]["location"] = f"s3://${{{layer}_bucket}}/{layer}/e2e-merge/"
        properties = document["schema"][0]["customProperties"]
        next(each for each in properties if each["property"] == "loadMode")["value"] = "merge"

    write_contract(tmp_path, edit)
    return tmp_path


def test_merged_dates_in_either_order_end_in_the_latest_of_each_key(
    merging: Path, make_bench: Callable[[], Bench]
) -> None:
    stands_for("landing/e2e-merge", "landing/app-logs")
    benches = make_bench(), make_bench()
    updated = {  # at which hour of January 1st, by the order's number
        DAY: {1: 9, 2: 18, 3: 9},
        NEXT_DAY: {2: 10, 3: 20, 4: 9},
    }
    for day, hours in updated.items():
        lines = [
            render_order(
                DAY,
                number,
                order_id=f'"ORD-20260101-{number:06d}"',
                updated_at=f'"2026-01-01T{hour:02d}:00:00Z"',
            )
            for number, hour in hours.items()
        ]
        uri = f"s3://{BUCKETS.raw}/landing/e2e-merge/{day}.jsonl"
        benches[0].put(uri, "\n".join(lines).encode())

    forwards = [benches[0].run_json(str(day), contracts=merging) for day in (DAY, NEXT_DAY)][-1]
    backwards = [benches[1].run_json(str(day), contracts=merging) for day in (NEXT_DAY, DAY)][-1]

    sql = "SELECT order_id, EXTRACT(HOUR FROM updated_at AT TIME ZONE 'UTC'), ingest_date"
    assert benches[0].query(f"{sql} FROM {{s}}.orders ORDER BY order_id") == [
        ("ORD-20260101-000001", 9, DAY),
        ("ORD-20260101-000002", 18, DAY),
        ("ORD-20260101-000003", 20, NEXT_DAY),
        ("ORD-20260101-000004", 9, NEXT_DAY),
    ]
    assert len({each.table_hash(contracts=merging) for each in benches}) == 1
    assert forwards["table_rows"] == backwards["table_rows"] == 4
    assert forwards["rows"] == backwards["rows"]


def test_airports_arrive_row_for_row_as_the_csv_module_reads_them(bench: Bench) -> None:
    report = bench.run_json(str(DAY), "--dataset", "airports")
    package = find_spec("vega_datasets")
    assert package and package.origin
    text = (Path(package.origin).parent / "_data" / "airports.csv").read_text("utf-8")
    expected = [
        (*(value or None for value in row[:5]), float(row[5]), float(row[6]))
        for row in list(csv.reader(io.StringIO(text, newline="")))[1:]
    ]
    found = bench.query(
        "SELECT iata, name, city, state, country, latitude, longitude FROM {s}.airports"
    )
    assert len(expected) > 3000
    assert sorted(found, key=repr) == sorted(expected, key=repr)
    assert (
        report["rows"]
        == {
            "extracted": len(expected),
            "loaded": len(expected),
            "quarantined": 0,
            "deduplicated": 0,
        }
        | NONE_ELSEWHERE
    )


@pytest.fixture(scope="module")
def healthy(make_bench: Callable[[], Bench]) -> Bench:
    """Tables with one loaded day, which no failure may change."""
    bench = make_bench()
    bench.run_json("2026-01-03", environ=rows_url(20))
    return bench


@pytest.fixture
def untouched_table(healthy: Bench) -> Iterator[None]:
    """The warehouse is afterwards what it was."""
    before = healthy.table(), healthy.table("orders__ledger")
    yield
    assert (healthy.table(), healthy.table("orders__ledger")) == before
    assert len(before[0]) == 20


@pytest.fixture
def buggy_job(client: Callable[[str], Any]) -> Iterator[str]:
    """A Glue job whose script has a bug."""
    name, key = "e2e-buggy", "code/e2e-buggy.py"
    stands_for(name, load_settings("local").glue.job_name)
    script = 'print("begin")\nrows = orders.count()\n'
    client("s3").put_object(Bucket=BUCKETS.artifacts, Key=key, Body=script.encode())
    client("glue").create_job(
        Name=name,
        Role="glue-job",
        GlueVersion="5.1",
        Command={"Name": "glueetl", "ScriptLocation": f"s3://{BUCKETS.artifacts}/{key}"},
    )
    yield name
    client("glue").delete_job(JobName=name)


@pytest.mark.usefixtures("untouched_table")
def test_glue_script_with_a_bug_fails_the_run_with_its_error(
    healthy: Bench, buggy_job: str
) -> None:
    environ = {"ETL_GLUE__JOB_NAME": buggy_job, **rows_url(20)}
    done = healthy.run("2026-01-04", environ=environ)
    done.fails("NameError: name 'orders' is not defined", "Line Number: 2", buggy_job)


@pytest.fixture
def raising_function(client: Callable[[str], Any]) -> Iterator[str]:
    """A Lambda function that always raises."""
    name, archive = "e2e-raising", io.BytesIO()
    stands_for(name, load_settings("local").validator.function_name)
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(
            "broken.py",
            textwrap.dedent("""
                def handle(event, context):
                    raise RuntimeError("no verdict on " + event["run_date"])
                """),
        )
    client("lambda").create_function(
        FunctionName=name,
        Role="arn:aws:iam::123456789012:role/etl-local-validator",
        Runtime="python3.12",
        Handler="broken.handle",
        Code={"ZipFile": archive.getvalue()},
    )
    yield name
    client("lambda").delete_function(FunctionName=name)


@pytest.mark.usefixtures("untouched_table")
def test_lambda_that_raises_fails_the_run_with_its_error(
    healthy: Bench, raising_function: str
) -> None:
    environ = {"ETL_VALIDATOR__FUNCTION_NAME": raising_function, **rows_url(20)}
    done = healthy.run("2026-01-04", environ=environ)
    done.fails("RuntimeError: no verdict on 2026-01-04", raising_function)


@pytest.mark.usefixtures("untouched_table")
def test_bad_sql_fails_the_run_with_the_databases_error(
    healthy: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = Step("count the moons", "SELECT moons FROM sky")
    steps = "etl.warehouse.load.load_steps"
    monkeypatch.setattr(steps, lambda *a, **k: (*load_steps(*a, **k), bad))
    done = healthy.run("2026-01-03", environ=rows_url(10))
    done.fails("count the moons", 'relation "sky" does not exist', "orders 2026-01-03")


@pytest.mark.usefixtures("untouched_table")
def test_failing_check_stops_the_run_before_the_load(healthy: Bench, tmp_path: Path) -> None:
    def edit(document: dict[str, Any]) -> None:
        checks = document["schema"][0]["quality"]
        next(each for each in checks if each["name"] == "row_count")["mustBeGreaterOrEqualTo"] = 99

    write_contract(tmp_path, edit)
    done = healthy.run("2026-01-03", contracts=tmp_path, environ=rows_url(10))
    done.fails("fail 1 check", "row_count: 10, expected", "99", "warehouse has not been touched")
