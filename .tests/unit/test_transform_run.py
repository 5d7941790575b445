"""The transform step: which job run it starts or attaches to, and what it believes of it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import date, datetime, timezone
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber
from support.contracts import make_contract

from etl import transform
from etl.errors import LeaseLostError, StorageError, TransformError
from etl.manifest import Manifest, RawObject
from etl.settings import load_settings

SETTINGS = load_settings("local")
JOB = SETTINGS.glue.job_name
CONTRACT = make_contract()
MANIFEST_URI = "s3://test-raw/raw/tests/things/2026/01/01/_manifest.json"
MANIFEST = Manifest(
    dataset="things",
    run_date=date(2026, 1, 1),
    source="tests",
    encoding="json",
    objects=(RawObject(uri="s3://test-raw/x", bytes=1, sha256="0", rows=10),),
    rows=10,
    bytes=1,
    contract_uri="s3://test-artifacts/contract.json",
)
STARTED_AT = datetime(2026, 1, 1, 9, tzinfo=timezone.utc)
LINEAGE = {"run_id": "this-run", "ingested_at": "2026-01-01T09:00:00+00:00"}
ARGUMENTS = transform.job_arguments(CONTRACT, MANIFEST_URI, MANIFEST, SETTINGS)
METRICS: dict[str, Any] = {
    "manifest_digest": MANIFEST.digest,
    "rows": {"read": 10, "valid": 6, "quarantined": 2, "deduplicated": 1, "filtered": 1},
    "files": [{"uri": "s3://p/part.parquet", "bytes": 123}],
    "reasons": {"id": 2},
    "quarantine_files": [],
}


class Aws:
    """Glue and S3, answering what they are told to."""

    def __init__(self) -> None:
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
        self.glue = boto3.client("glue", region_name="us-east-1", **keys)
        self.s3 = boto3.client("s3", region_name="us-east-1", **keys)
        self.stubs = [Stubber(self.glue), Stubber(self.s3)]

    def lists(self, *runs: dict[str, Any]) -> None:
        self.stubs[0].add_response("get_job_runs", {"JobRuns": list(runs)}, {"JobName": JOB})

    def starts(self, run_id: str) -> None:
        named = {f"--{name}": value for name, value in {**ARGUMENTS, **LINEAGE}.items()}
        self.stubs[0].add_response(
            "start_job_run", {"JobRunId": run_id}, {"JobName": JOB, "Arguments": named}
        )

    def is_busy(self) -> None:
        self.stubs[0].add_client_error("start_job_run", "ConcurrentRunsExceededException")

    def loses_the_answer(self) -> None:
        self.stubs[0].add_client_error(
            "start_job_run", "InternalServiceException", http_status_code=500
        )

    def gets(self, run_id: str, *states: str, **more: Any) -> None:
        for state in states:
            answer = {"JobRun": job_run(run_id, state, **more)}
            self.stubs[0].add_response("get_job_run", answer, {"JobName": JOB, "RunId": run_id})

    def holds(self, metrics: Any) -> None:
        body = json.dumps(metrics).encode()
        stream = StreamingBody(io.BytesIO(body), len(body))
        self.stubs[1].add_response("get_object", {"Body": stream}, {"Bucket": ANY, "Key": ANY})

    def run(self, progress: list[str] | None = None, **more: Any) -> transform.TransformResult:
        return transform.run_transform(
            glue=self.glue,
            s3=self.s3,
            contract=CONTRACT,
            manifest_uri=MANIFEST_URI,
            manifest=MANIFEST,
            run_id=LINEAGE["run_id"],
            started_at=STARTED_AT,
            settings=SETTINGS,
            on_progress=None if progress is None else progress.append,
            **more,
        )


def job_run(run_id: str, state: str, **more: Any) -> dict[str, Any]:
    return {"Id": run_id, "JobName": JOB, "JobRunState": state, **more}


def going(job_run_id: str, state: str = "RUNNING", **changes: str) -> dict[str, Any]:
    named = {f"--{name}": value for name, value in {**ARGUMENTS, **changes}.items()}
    started = datetime(2026, 1, 1, tzinfo=timezone.utc)
    return job_run(job_run_id, state, Arguments=named, StartedOn=started)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    made = Aws()
    for stub in made.stubs:
        stub.activate()
    yield made
    for stub in made.stubs:
        stub.assert_no_pending_responses()


def test_run_transform_with_nothing_going_starts_one_and_reads_its_metrics(aws: Aws) -> None:
    aws.lists()
    aws.starts("jr_1")
    aws.gets("jr_1", "RUNNING")
    aws.gets("jr_1", "SUCCEEDED", ExecutionTime=9)
    aws.holds(METRICS)
    progress: list[str] = []
    result = aws.run(progress)
    assert progress == ["RUNNING", "SUCCEEDED"]
    assert (result.run_id, result.execution_seconds) == ("jr_1", 9)
    assert (result.rows.valid, result.files[0].bytes) == (6, 123)
    assert result.contract_uri == MANIFEST.contract_uri
    assert result.metrics == METRICS


def test_job_arguments_name_every_place_of_the_run() -> None:
    assert ARGUMENTS == {
        "dataset": "things",
        "run_date": "2026-01-01",
        "manifest_uri": MANIFEST_URI,
        "manifest_digest": MANIFEST.digest,
        "contract_uri": "s3://test-artifacts/contract.json",
        "processed_uri": "s3://test-processed/processed/tests/things/ingest_date=2026-01-01/",
        "quarantine_uri": "s3://test-quarantine/quarantine/tests/things/ingest_date=2026-01-01/",
        "metrics_uri": "s3://etl-local-artifacts/runs/things/2026-01-01/metrics.json",
        "slices": "1",
    }


@pytest.mark.parametrize("state", ["WAITING", "STARTING", "RUNNING"])
def test_run_transform_with_the_same_run_going_attaches(aws: Aws, state: str) -> None:
    lineage = {"run_id": "an earlier run", "ingested_at": "2025-12-31T09:00:00+00:00"}
    aws.lists(going("jr_7", state, **lineage))
    aws.gets("jr_7", "SUCCEEDED")
    aws.holds(METRICS)
    assert aws.run().run_id == "jr_7"


@pytest.mark.parametrize(
    "other",
    [
        going("old", manifest_digest="0"),
        going("old", slices="4"),
        going("old", state="STOPPING"),
    ],
)
def test_run_transform_waits_for_a_run_that_writes_to_the_same_place(
    aws: Aws, other: dict[str, Any]
) -> None:
    aws.lists(other)
    aws.lists()
    aws.starts("jr_1")
    aws.gets("jr_1", "SUCCEEDED")
    aws.holds(METRICS)
    assert aws.run().run_id == "jr_1"


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED"])
def test_run_transform_of_a_date_whose_run_has_ended_starts_another(aws: Aws, state: str) -> None:
    aws.lists(going("jr_7", state))
    aws.starts("jr_8")
    aws.gets("jr_8", "SUCCEEDED")
    aws.holds(METRICS)
    assert aws.run().run_id == "jr_8"


@pytest.mark.parametrize("state", ["FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED"])
def test_run_transform_attached_to_a_run_that_ends_badly_says_so(aws: Aws, state: str) -> None:
    aws.lists(going("jr_7"))
    aws.gets("jr_7", "STOPPING" if state == "STOPPED" else "RUNNING", state)
    with pytest.raises(TransformError, match=f"jr_7 of {JOB} {state}: Glue gives no reason"):
        aws.run()


def test_run_transform_whose_place_was_taken_starts_nothing(aws: Aws) -> None:
    def lose() -> None:
        raise LeaseLostError("another run has taken its place")

    aws.lists()
    with pytest.raises(LeaseLostError):
        aws.run(before_starting=lose)


def test_run_transform_waits_while_the_job_allows_no_more_runs(aws: Aws) -> None:
    aws.lists(going("theirs", dataset="other"))
    aws.is_busy()
    aws.lists()
    aws.starts("jr_1")
    aws.gets("jr_1", "SUCCEEDED")
    aws.holds(METRICS)
    progress: list[str] = []
    aws.run(progress)
    assert progress == ["waiting for the job's other runs", "SUCCEEDED"]


def test_run_transform_whose_start_was_not_answered_attaches_to_what_was_started(aws: Aws) -> None:
    aws.lists()
    aws.loses_the_answer()
    aws.lists(going("jr_1", **LINEAGE))
    aws.gets("jr_1", "SUCCEEDED")
    aws.holds(METRICS)
    progress: list[str] = []
    assert aws.run(progress).run_id == "jr_1"
    assert progress == ["looking whether Glue has started the job run", "SUCCEEDED"]


def test_run_transform_whose_start_was_not_carried_out_starts_again(aws: Aws) -> None:
    aws.lists()
    aws.loses_the_answer()
    aws.lists()
    aws.starts("jr_1")
    aws.gets("jr_1", "SUCCEEDED")
    aws.holds(METRICS)
    assert aws.run().run_id == "jr_1"


def test_run_transform_that_glue_never_answers_gives_up(aws: Aws) -> None:
    for _ in range(6):
        aws.lists()
        aws.loses_the_answer()
    with pytest.raises(ClientError, match="InternalServiceException"):
        aws.run()


def test_run_transform_that_glue_refuses_does_not_insist(aws: Aws) -> None:
    aws.lists()
    aws.stubs[0].add_client_error("start_job_run", "InvalidInputException", http_status_code=400)
    with pytest.raises(ClientError, match="InvalidInputException"):
        aws.run()


def test_run_transform_of_a_failed_run_says_glues_words_and_where_the_log_is(aws: Aws) -> None:
    aws.lists()
    aws.starts("jr_1")
    aws.gets("jr_1", "FAILED", ErrorMessage="KeyError: 'x'")
    with pytest.raises(TransformError, match="FAILED: KeyError: 'x'") as caught:
        aws.run()
    assert caught.value.fix == "see the CloudWatch log group /aws-glue/jobs/error, stream jr_1"


def test_run_transform_without_the_job_names_it(aws: Aws) -> None:
    aws.stubs[0].add_client_error("get_job_runs", "EntityNotFoundException")
    with pytest.raises(TransformError, match=f"there is no Glue job {JOB}"):
        aws.run()


@pytest.mark.parametrize(
    "metrics, words",
    [
        (METRICS | {"manifest_digest": "0"}, "of another extraction"),
        (
            METRICS | {"rows": dict.fromkeys(METRICS["rows"], 0) | {"read": 9, "valid": 9}},
            "read 9",
        ),
        (METRICS | {"rows": {**METRICS["rows"], "valid": 8}}, "do not add up"),
        (METRICS | {"rows": {"read": 10}}, "not what the job writes"),
        ("text", "not what the job writes"),
    ],
)
def test_run_transform_whose_metrics_do_not_hold_is_refused(
    aws: Aws, metrics: Any, words: str
) -> None:
    aws.lists()
    aws.starts("jr_1")
    aws.gets("jr_1", "SUCCEEDED")
    aws.holds(metrics)
    with pytest.raises(TransformError, match=words):
        aws.run()


def test_run_transform_that_left_no_metrics_is_refused(aws: Aws) -> None:
    aws.lists()
    aws.starts("jr_1")
    aws.gets("jr_1", "SUCCEEDED")
    aws.stubs[1].add_client_error("get_object", "NoSuchKey", http_status_code=404)
    with pytest.raises(StorageError, match="metrics.json does not exist"):
        aws.run()


def test_find_active_run_looks_for_the_dataset_and_date(aws: Aws) -> None:
    aws.lists(going("other day", run_date="2026-01-02"), going("ours"))
    found = transform.find_active_run(
        aws.glue, settings=SETTINGS, dataset="things", run_date=date(2026, 1, 1)
    )
    assert found is not None and found.run_id == "ours"
