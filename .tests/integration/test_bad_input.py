"""What bad input gets: a clear word, the right exit code, and nothing half-written."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.access_log import stands_for
from support.contracts import write_contract
from support.pipeline_runs import NONE_ELSEWHERE, Bench, fault_url, rows_url

from etl.settings import load_settings
from local_cloud.source_orders import BAD

ENGINE = "duckdb"
DAY = "2026-03-01"
ROWS = 20
BUCKETS = load_settings("local").buckets
Client = Callable[[str], Any]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--run-date", "2026-02-30"), '"2026-02-30" is not a date like 2026-01-01'),
        (("--run-date", "yesterday"), '"yesterday" is not a date'),
        (("--run-date", f"{datetime.now(UTC).date() + timedelta(days=2)}"), "lies in the future"),
        (("--dataset", "order"), 'there is no dataset "order", did you mean "orders"?'),
        (("--env", "prd"), 'there is no environment "prd", did you mean "prod"?'),
    ],
)
def test_wrong_option_is_refused_before_anything_starts(
    bench: Bench, tmp_path: Path, options: tuple[str, str], words: str
) -> None:
    cloud, prefect = tmp_path / "cloud", tmp_path / "prefect"
    environ = {"LOCAL_CLOUD_HOME": str(cloud), "PREFECT_HOME": str(prefect), "PREFECT_API_URL": ""}
    done = bench.run_command(DAY, *options, environ=environ)
    done.fails(words, code=2)
    assert not cloud.exists() and not (prefect / "prefect.db").exists()


@pytest.fixture(scope="module")
def loaded(bench: Bench) -> Bench:
    """Tables with one good day, which bad input for the same day may not harm."""
    bench.run_json(DAY, environ=rows_url(ROWS))
    return bench


@pytest.fixture
def unharmed(loaded: Bench) -> Iterator[None]:
    """S3 and the warehouse are afterwards what they were, to the object."""
    before = loaded.state()
    yield
    assert loaded.state() == before
    assert len(before["orders"]) == ROWS


@pytest.fixture
def contracts(tmp_path: Path) -> Path:
    """A folder with the orders contract, impatient, and content with any share of bad rows."""

    def edit(document: dict[str, Any]) -> None:
        source = next(each for each in document["servers"] if each["server"] == "source")
        source["customProperties"].append({"property": "backoffSeconds", "value": 0.01})
        properties = document["schema"][0]["customProperties"]
        limit = next(each for each in properties if each["property"] == "quarantineLimitPercent")
        limit["value"] = 100

    write_contract(tmp_path, edit)
    return tmp_path


@pytest.mark.usefixtures("unharmed")
def test_secret_that_is_missing_or_wrong_is_named_and_never_shown(
    loaded: Bench, client: Client
) -> None:
    usual = load_settings("local").places["shop_api_secret"]
    stands_for("shop/none", f"{usual}-000000")
    stands_for("shop/wrong", usual)
    missing = loaded.run(DAY, environ={"ETL_PLACES__SHOP_API_SECRET": "shop/none"})
    missing.fails("there is no secret shop/none", "create-secret --name shop/none")

    value = json.dumps({"token": "canary-4711"})
    client("secretsmanager").create_secret(Name="shop/wrong", SecretString=value)
    wrong = loaded.run(DAY, "--traceback", environ={"ETL_PLACES__SHOP_API_SECRET": "shop/wrong"})
    assert wrong.code == 1 and "answered 401" in wrong.err
    assert "canary-4711" not in wrong.err


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("layer", ["raw", "artifacts"])
def test_missing_bucket_is_named(loaded: Bench, layer: str) -> None:
    environ = {f"ETL_BUCKETS__{layer.upper()}": "no-such-bucket", **rows_url(5)}
    done = loaded.run(DAY, environ=environ)
    done.fails("bucket no-such-bucket does not exist", "fix: create it", "next: python flows/full")


@pytest.mark.parametrize("engine, words", [("spark", "Glue"), ("duckdb", "does not exist")])
def test_missing_processed_bucket_is_named(loaded: Bench, engine: str, words: str) -> None:
    before = loaded.table()
    environ = {"ETL_BUCKETS__PROCESSED": "no-such-bucket", **rows_url(5)}
    done = loaded.run("2026-03-02", "--engine", engine, environ=environ)
    done.fails("no-such-bucket", words)
    assert loaded.table() == before


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        ({"AWS_ACCESS_KEY_ID": "AKIAWRONG"}, "refused the credentials (InvalidAccessKeyId)"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "refused the credentials (SignatureDoesNotMatch)"),
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "no AWS credentials"),
    ],
)
def test_wrong_credentials_are_told(
    loaded: Bench, credentials: dict[str, str | None], words: str
) -> None:
    # The local environment brings its own credentials; dev, as every other, takes the caller's.
    environ = {
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SESSION_TOKEN": None,
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }
    done = loaded.run(DAY, "--env", "dev", environ=environ | credentials)
    done.fails(words, "fix: check the profile or role in config/<environment>.yml")


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("always-500", ["failed 6 times, the last time: 500", "run the same date again"]),
        ("html", ["(200, text/html", "Please sign in", "fix:"]),
        ("forbidden", ["403", "this token may not read orders"]),
        ("bad-json", ["/_source/faults/bad-json/orders", "fix:"]),
        ("repeated-page", ["repeats itself", "the same records as an earlier page"]),
        ("repeated-cursor", ["repeats itself", "has been asked for before"]),
    ],
)
def test_source_that_makes_no_sense_fails_and_harms_nothing(
    loaded: Bench, contracts: Path, kind: str, words: list[str]
) -> None:
    done = loaded.run(DAY, contracts=contracts, environ=fault_url(kind))
    done.fails(*words)


def test_day_with_only_bad_rows_is_quarantined_and_not_loaded(loaded: Bench) -> None:
    before = loaded.table(), loaded.table("orders__ledger")
    done = loaded.run("2026-03-03", environ=fault_url("all-bad"))
    done.fails("quarantine", "100", "expected", "20", "the warehouse has not been touched")
    assert (loaded.table(), loaded.table("orders__ledger")) == before
    rejected = read_quarantine(loaded, "2026-03-03")
    assert sorted(each["payload"] for each in rejected) == sorted(read_raw(loaded, "2026-03-03"))
    assert len(rejected) == len(BAD) and all(each["reasons"] for each in rejected)
    assert loaded.keys(processed("2026-03-03")) == []


def test_empty_day_is_a_valid_run_that_replaces_and_says_so(loaded: Bench) -> None:
    loaded.run_json("2026-03-04", environ=rows_url(ROWS))
    done = loaded.run("2026-03-04", environ=fault_url("empty"))
    assert done.code == 0
    assert "The source has no rows for this date: an empty day, and a valid run." in done.out
    assert "0 extracted = 0 loaded + 0 quarantined + 0 deduplicated" in done.out
    assert loaded.query("SELECT COUNT(*) FROM {s}.orders WHERE ingest_date = '2026-03-04'") == [
        (0,)
    ]
    assert [key.rpartition("/")[2] for key in loaded.keys(raw("2026-03-04"))] == ["_manifest.json"]
    assert loaded.keys(processed("2026-03-04")) == loaded.keys(quarantine("2026-03-04")) == []


def test_row_of_200_columns_is_loaded_by_those_that_the_contract_names(loaded: Bench) -> None:
    report = loaded.run_json("2026-03-05", environ=fault_url("wide"))
    expected = {"extracted": 10, "loaded": 10, "quarantined": 0, "deduplicated": 0}
    assert report["rows"] == expected | NONE_ELSEWHERE
    assert all('"extra_199":199' in line for line in read_raw(loaded, "2026-03-05"))


def test_row_of_10_mib_is_quarantined_whole(loaded: Bench, contracts: Path) -> None:
    report = loaded.run_json("2026-03-06", contracts=contracts, environ=fault_url("huge-row"))
    expected = {"extracted": 3, "loaded": 2, "quarantined": 1, "deduplicated": 0}
    assert report["rows"] == expected | NONE_ELSEWHERE
    [rejected] = read_quarantine(loaded, "2026-03-06")
    assert rejected["reasons"].startswith("note: ") and len(rejected["reasons"]) < 500
    assert rejected["payload"] == read_raw(loaded, "2026-03-06")[1]
    assert len(rejected["payload"]) > 10 * 1024 * 1024


def test_bytes_that_are_not_utf8_are_quarantined_whole(loaded: Bench, contracts: Path) -> None:
    report = loaded.run_json("2026-03-07", contracts=contracts, environ=fault_url("invalid-utf8"))
    expected = {"extracted": 3, "loaded": 2, "quarantined": 1, "deduplicated": 0}
    assert report["rows"] == expected | NONE_ELSEWHERE
    [rejected] = read_quarantine(loaded, "2026-03-07")
    assert "not UTF-8" in rejected["reasons"]
    received = base64.b64decode(json.loads(rejected["payload"])["_invalid_utf8_base64"])
    assert b'"note":"caf\xe9"' in received
    assert json.loads(received.decode("latin-1"))["order_id"] == "ORD-20260307-000003"


def raw(day: str) -> str:
    return f"s3://{BUCKETS.raw}/raw/shop/orders/{day.replace('-', '/')}/"


def processed(day: str) -> str:
    return f"s3://{BUCKETS.processed}/processed/sales/orders/ingest_date={day}/"


def quarantine(day: str) -> str:
    return f"s3://{BUCKETS.quarantine}/quarantine/sales/orders/ingest_date={day}/"


def read_raw(bench: Bench, day: str) -> list[str]:
    return bench.read_lines(raw(day))


def read_quarantine(bench: Bench, day: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in bench.read_lines(quarantine(day))]
