"""Job runs of the embedded Glue do what they say: real scripts, real Spark, true states."""

from __future__ import annotations

import gzip
import io
import json
import os
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil  # type: ignore[import-untyped]
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError
from support.glue_jobs import TERMINAL, GlueJobs

from local_cloud.context import Cloud, Credentials
from local_cloud.glue.executor import Executor
from local_cloud.glue.job_run import JobRun

PARTITIONED = """
    import sys
    import boto3
    from awsglue.utils import getResolvedOptions
    from pyspark.sql import SparkSession

    args = getResolvedOptions(sys.argv, ["JOB_NAME", "bucket", "mode"])
    root = f"s3://{args['bucket']}"
    spark = SparkSession.builder.getOrCreate()
    spark.conf.set("spark.sql.sources.partitionOverwriteMode", args["mode"])
    rows = spark.read.schema("id int, name string, day date").json(f"{root}/in/*.jsonl.gz")
    rows.write.mode("overwrite").partitionBy("day").parquet(f"{root}/out/")
    s3 = boto3.client("s3")
    listed = s3.list_objects_v2(Bucket=args["bucket"], Prefix="out/")["Contents"]
    s3.put_object(Bucket=args["bucket"], Key="files", Body=str(len(listed)).encode())
    s3.put_object(Bucket=args["bucket"], Key="later/x.json", Body=b'{"x": 1}')
    print("seen by Spark:", spark.read.json(f"{root}/later/").first().x)
    runtime = spark._jvm.java.lang.management.ManagementFactory.getRuntimeMXBean()
    print("options:", list(runtime.getInputArguments()))
"""


@pytest.fixture
def jobs(client: Callable[[str], Any]) -> GlueJobs:
    bucket = f"glue-{uuid.uuid4().hex[:8]}"
    client("s3").create_bucket(Bucket=bucket)
    return GlueJobs(client("glue"), client("s3"), client("logs"), bucket)


def put_rows(jobs: GlueJobs, name: str, *rows: dict[str, Any]) -> None:
    body = gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())
    jobs.s3.put_object(Bucket=jobs.bucket, Key=f"in/{name}.jsonl.gz", Body=body)


def read_rows(jobs: GlueJobs, prefix: str) -> list[tuple[Any, ...]]:
    found = []
    for key in jobs.keys(prefix):
        body = jobs.s3.get_object(Bucket=jobs.bucket, Key=key)["Body"].read()
        day = key.split("day=")[1].split("/")[0]
        table = pq.ParquetFile(pa.BufferReader(body)).read()
        found += [(row["id"], row["name"], day) for row in table.to_pylist()]
    return sorted(found)


def test_spark_job_partitioned_overwrite_replaces_and_leaves_nothing_else(jobs: GlueJobs) -> None:
    """The same script twice: S3 and boto3 agree with Spark, and the second run replaces."""
    name = jobs.create(PARTITIONED, DefaultArguments={"--bucket": jobs.bucket, "--mode": "dynamic"})
    put_rows(
        jobs,
        "a",
        {"id": 1, "name": "Zoë", "day": "2026-01-01"},
        {"id": 2, "name": "b", "day": "2026-01-02"},
    )
    first = jobs.run(name)
    assert first["JobRunState"] == "SUCCEEDED", first
    assert read_rows(jobs, "out/") == [(1, "Zoë", "2026-01-01"), (2, "b", "2026-01-02")]
    put_rows(jobs, "a", {"id": 3, "name": "c", "day": "2026-01-02"})

    second = jobs.run(name)

    assert second["JobRunState"] == "SUCCEEDED", second
    assert read_rows(jobs, "out/") == [(1, "Zoë", "2026-01-01"), (3, "c", "2026-01-02")]
    assert all(key.endswith(".snappy.parquet") for key in jobs.keys("out/"))
    assert jobs.s3.get_object(Bucket=jobs.bucket, Key="files")["Body"].read() == b"2"
    output = jobs.log(second["Id"], "output")
    assert "seen by Spark: 1" in output
    assert os.environ["LOCAL_CLOUD_GLUE_JAVA_OPTIONS"] in output
    assert jobs.keys("") == sorted(jobs.keys("")) and not [k for k in jobs.keys("") if "_temp" in k]


def test_spark_job_keys_that_need_escapes_are_read_and_written(jobs: GlueJobs) -> None:
    name = jobs.create("""
        import sys
        from awsglue.utils import getResolvedOptions
        from pyspark.sql import SparkSession, functions as f

        root = "s3://" + getResolvedOptions(sys.argv, ["bucket"])["bucket"]
        spark = SparkSession.builder.getOrCreate()
        rows = spark.read.text(root + "/in/a ü+%25&/x=1 2.txt")
        rows.withColumn("k", f.lit("ö /%+")).write.partitionBy("k").json(root + "/out/b c&d")
        """)
    jobs.s3.put_object(Bucket=jobs.bucket, Key="in/a ü+%25&/x=1 2.txt", Body="né\n".encode())

    run = jobs.run(name, bucket=jobs.bucket)

    assert run["JobRunState"] == "SUCCEEDED", run
    (key,) = jobs.keys("out/")
    assert key.startswith("out/b c&d/k=ö %2F%25+/part-")
    body = jobs.s3.get_object(Bucket=jobs.bucket, Key=key)["Body"].read().decode()
    assert json.loads(body) == {"value": "né"}


def test_spark_job_error_in_spark_is_the_runs_error_message(jobs: GlueJobs) -> None:
    name = jobs.create("""
        from pyspark.sql import SparkSession
        spark = SparkSession.builder.getOrCreate()

        spark.read.parquet("s3://no-such-bucket-here/x/").show()
        """)

    run = jobs.run(name)

    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"].startswith(
        "Error Category: QUERY_ERROR; Failed Line Number: 5; AnalysisException: [PATH_NOT_FOUND]"
    )
    assert "no-such-bucket-here" in jobs.log(run["Id"], "error")


def test_shell_job_gets_its_arguments_files_and_packages(jobs: GlueJobs) -> None:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("helper/__init__.py", "ANSWER = 42")
    jobs.s3.put_object(Bucket=jobs.bucket, Key="code/p.zip", Body=package.getvalue())
    jobs.s3.put_object(Bucket=jobs.bucket, Key="code/settings.txt", Body=b"a setting")
    name = jobs.create(
        """
        import json, sys, pathlib
        import helper
        from awsglue.utils import getResolvedOptions
        options = getResolvedOptions(sys.argv, ["JOB_NAME", "run_date", "kept"])
        options["answer"] = helper.ANSWER
        options["file"] = pathlib.Path("settings.txt").read_text()
        print(json.dumps(options))
        """,
        shell=True,
        DefaultArguments={
            "--run_date": "2025-01-01",
            "--kept": "-",
            "--extra-py-files": f"s3://{jobs.bucket}/code/p.zip",
            "--extra-files": f"s3://{jobs.bucket}/code/settings.txt",
        },
        NonOverridableArguments={"--kept": "mine"},
    )

    run = jobs.run(name, run_date="2026-01-01", kept="theirs")

    assert run["JobRunState"] == "SUCCEEDED", run
    options = json.loads(jobs.log(run["Id"], "output"))
    assert options["run_date"] == "2026-01-01" and options["kept"] == "mine"
    assert options["JOB_NAME"] == name and options["JOB_RUN_ID"] == run["Id"]
    assert options["answer"] == 42 and options["file"] == "a setting"
    assert run["Arguments"] == {"--run_date": "2026-01-01", "--kept": "theirs"}


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "x = 1\nraise ValueError('no orders')",
            "Error Category: UNCLASSIFIED_ERROR; Failed Line Number: 2; ValueError: no orders",
        ),
        ("import nothing_like_this", "Error Category: IMPORT_ERROR; Failed Line Number: 1"),
        ("def f(:\n  pass", "Error Category: SYNTAX_ERROR; Failed Line Number: 1; SyntaxError"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import os; os._exit(7)", "Command failed with exit code 7"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "Command failed with exit code",
        ),
    ],
    ids=["exception", "import", "syntax", "exit", "hard exit", "killed"],
)
def test_shell_job_that_fails_is_failed_with_its_error(
    jobs: GlueJobs, script: str, message: str
) -> None:
    run = jobs.run(jobs.create(script, shell=True))

    assert run["JobRunState"] == "FAILED"
    assert message in run["ErrorMessage"]
    assert run["CompletedOn"] >= run["StartedOn"]


def test_shell_job_that_exits_with_zero_has_succeeded(jobs: GlueJobs) -> None:
    assert (
        jobs.run(jobs.create("import sys; sys.exit(0)", shell=True))["JobRunState"] == "SUCCEEDED"
    )


def test_job_without_its_script_fails_to_launch(jobs: GlueJobs) -> None:
    name = jobs.create("pass")
    jobs.s3.delete_object(Bucket=jobs.bucket, Key=f"code/{name}.py")

    run = jobs.run(name)

    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"].startswith(
        f"LAUNCH ERROR | Error downloading from S3 for bucket: {jobs.bucket}, key: code/{name}.py"
    )


def test_job_whose_module_is_missing_fails_to_launch(jobs: GlueJobs) -> None:
    wanted = {"--additional-python-modules": "boto3==0.1"}

    run = jobs.run(jobs.create("pass", shell=True, DefaultArguments=wanted))

    assert "LAUNCH ERROR" in run["ErrorMessage"] and "boto3==0.1" in run["ErrorMessage"]


def test_stop_ends_the_script_and_what_it_started(jobs: GlueJobs) -> None:
    name = jobs.create(
        """
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print(child.pid)
        time.sleep(600)
        """,
        shell=True,
    )
    run_id = jobs.start(name)
    grandchild = _wait_for_output(jobs, run_id)

    answer = jobs.glue.batch_stop_job_run(JobName=name, JobRunIds=[run_id, "jr_unknown"])
    run = jobs.wait(name, run_id, until=("STOPPED",))

    assert answer["SuccessfulSubmissions"] == [{"JobName": name, "JobRunId": run_id}]
    assert answer["Errors"][0]["JobRunId"] == "jr_unknown"
    assert "ErrorMessage" not in run
    assert not _is_running(int(grandchild))
    again = jobs.glue.batch_stop_job_run(JobName=name, JobRunIds=[run_id])
    assert again["SuccessfulSubmissions"] == [] and "STOPPED" in str(again["Errors"])


def _is_running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _wait_for_output(jobs: GlueJobs, run_id: str) -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if text := jobs.log(run_id, "output"):
                return text
        except ClientError:
            time.sleep(0.1)
    raise AssertionError("the script wrote nothing")


def test_start_beyond_max_concurrent_runs_is_refused(jobs: GlueJobs) -> None:
    name = jobs.create("import time; time.sleep(600)", shell=True)
    run_id = jobs.start(name)

    with pytest.raises(ClientError, match="ConcurrentRunsExceededException"):
        jobs.start(name)

    assert len(jobs.glue.get_job_runs(JobName=name)["JobRuns"]) == 1
    jobs.glue.batch_stop_job_run(JobName=name, JobRunIds=[run_id])
    jobs.wait(name, run_id, until=("STOPPED",))
    jobs.glue.batch_stop_job_run(JobName=name, JobRunIds=[jobs.start(name)])


def test_failed_run_is_tried_again_as_often_as_max_retries_says(jobs: GlueJobs) -> None:
    name = jobs.create("raise ValueError('always')", shell=True, MaxRetries=1)
    first = jobs.run(name)

    retry = jobs.wait(name, f"{first['Id']}_attempt_1")

    assert (retry["JobRunState"], retry["Attempt"]) == ("FAILED", 1)
    assert retry["PreviousRunId"] == first["Id"]
    ids = [run["Id"] for run in jobs.glue.get_job_runs(JobName=name)["JobRuns"]]
    assert ids == [retry["Id"], first["Id"]]


SEEN = """
    import os, signal, sys
    from awsglue.utils import getResolvedOptions
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.getOrCreate()
    jvm = spark._jvm.java.lang.ProcessHandle.current().pid()
    views = [each.name for each in spark.catalog.listTables()]
    partitions = spark.conf.get("spark.sql.shuffle.partitions")
    mine = spark.conf.get("mine", "none")
    print("seen:", jvm, spark.sparkContext.appName, views, partitions, mine)
    spark.range(3).createOrReplaceTempView("left_behind")
    spark.conf.set("mine", "left behind")
    if getResolvedOptions(sys.argv, ["how"])["how"] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_kept_jvm_holds_nothing_of_the_run_before(jobs: GlueJobs) -> None:
    """The suite's clouds keep JVMs; one whose script was killed is not handed on."""
    seen = []
    for how, conf in (
        ("ended", "spark.sql.shuffle.partitions=7"),
        ("killed", "a=b"),
        ("ended", ""),
    ):
        name = jobs.create(SEEN, DefaultArguments={"--conf": conf} if conf else {})
        run = jobs.run(name, how=how)
        assert run["JobRunState"] == ("FAILED" if how == "killed" else "SUCCEEDED"), run
        words = jobs.log(run["Id"], "output").partition("seen: ")[2].split()
        seen.append((words[0], words[1] == name, words[2:]))
    (first, *_), (second, *_), (third, *_) = seen
    assert first == second != third
    assert [is_own for _, is_own, _ in seen] == [True, True, True]
    usual = str(max(4, 2 * (os.cpu_count() or 2)))
    assert [rest for *_, rest in seen] == [["[]", count, "none"] for count in ("7", usual, usual)]


@pytest.fixture
def executor(
    cloud: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Executor]:
    """An executor of this process, whose job runs use the cloud's S3."""
    monkeypatch.setenv("LOCAL_CLOUD_IAM", "record")  # as of the cloud that has the role
    own = Cloud(
        home=tmp_path,
        endpoint_url=cloud["AWS_ENDPOINT_URL"],
        credentials=Credentials(cloud["AWS_ACCESS_KEY_ID"], cloud["AWS_SECRET_ACCESS_KEY"]),
    )
    yield Executor(own)
    own.stop()


def start_here(
    executor: Executor, jobs: GlueJobs, name: str, next_attempt: Callable[[JobRun], JobRun | None]
) -> JobRun:
    """Start a run of a job by an executor of this process."""
    definition = jobs.glue.get_job(JobName=name)["Job"]
    job: Any = SimpleNamespace(
        name=name,
        role="glue-job",
        command=definition["Command"],
        default_arguments={},
        non_overridable_arguments={},
        timeout=1,
        worker_type=None,
        number_of_workers=None,
        max_capacity=None,
        glue_version="5.1",
        execution_class="STANDARD",
    )
    run = JobRun(job, own_arguments={})
    executor.start(job, run, next_attempt=next_attempt)
    return run


def wait_here(run: JobRun) -> str:
    """The state of a run of this process once it has ended."""
    deadline = time.monotonic() + 30
    while run.status not in TERMINAL and time.monotonic() < deadline:
        time.sleep(0.05)
    return run.status


def test_timeout_ends_a_run_that_takes_too_long(
    jobs: GlueJobs, executor: Executor, tmp_path: Path
) -> None:
    """With a minute of 0.5 s: the state is TIMEOUT and the script is gone."""
    executor.seconds_per_minute = 0.5
    name = jobs.create("import time; time.sleep(600)", shell=True)

    run = start_here(executor, jobs, name, next_attempt=lambda _run: None)

    assert wait_here(run) == "TIMEOUT", run.as_dict()
    assert run.as_dict()["ErrorMessage"] == "Job timed out after 1 minutes."
    running = psutil.process_iter(["cmdline"])  # which bears that others end meanwhile
    assert not [each for each in running if str(tmp_path) in " ".join(each.info["cmdline"] or [])]


def test_next_attempt_stands_before_the_failed_one_is_seen_to_have_ended(
    jobs: GlueJobs, executor: Executor
) -> None:
    """So that who waited for the first may ask for the second at once."""
    name = jobs.create("raise ValueError('always')", shell=True)
    seen = []

    run = start_here(executor, jobs, name, next_attempt=lambda run: seen.append(run.status))

    assert wait_here(run) == "FAILED"
    assert seen == ["RUNNING"]


@pytest.mark.parametrize(
    ("job", "what"),
    [
        ({"GlueVersion": "4.0"}, "Glue 4.0"),
        ({"GlueVersion": "6.0"}, "Glue 6.0"),
        ({"Command": {"Name": "gluestreaming", "ScriptLocation": "s3://x/y"}}, "gluestreaming"),
        ({"Command": {"Name": "glueray", "ScriptLocation": "s3://x/y"}}, "glueray"),
        ({"DefaultArguments": {"--datalake-formats": "iceberg"}}, "--datalake-formats"),
    ],
)
def test_start_of_what_is_not_run_here_is_refused(
    jobs: GlueJobs, job: dict[str, Any], what: str
) -> None:
    name = jobs.create("pass", **job)

    with pytest.raises(ClientError, match=what):
        jobs.start(name)

    assert jobs.glue.get_job_runs(JobName=name)["JobRuns"] == []


def test_create_job_twice_is_refused_and_update_job_changes_it(jobs: GlueJobs) -> None:
    name = jobs.create("print('one')", shell=True)
    job = jobs.glue.get_job(JobName=name)["Job"]
    with pytest.raises(jobs.glue.exceptions.AlreadyExistsException):
        jobs.glue.create_job(Name=name, Role="r", Command=job["Command"])

    jobs.glue.update_job(
        JobName=name, JobUpdate={"Role": "r", "Command": job["Command"], "Timeout": 7}
    )

    assert jobs.glue.get_job(JobName=name)["Job"]["Timeout"] == 7
    assert jobs.run(name)["Timeout"] == 7


BOOKMARKED = """
    import sys
    from awsglue.context import GlueContext
    from awsglue.job import Job
    from awsglue.utils import getResolvedOptions
    from pyspark.context import SparkContext

    args = getResolvedOptions(sys.argv, ["JOB_NAME", "bucket", "commit"])
    context = GlueContext(SparkContext.getOrCreate())
    job = Job(context)
    job.init(args["JOB_NAME"], args)
    frame = context.create_dynamic_frame.from_options(
        connection_type="s3",
        connection_options={"paths": [f"s3://{args['bucket']}/in/"]},
        format="json",
        transformation_ctx="orders",
    )
    print("rows:", frame.count())
    if args["commit"] == "yes":
        job.commit()
"""


def test_bookmark_moves_at_commit_only(jobs: GlueJobs) -> None:
    """Without commit the rows are read again; with it only what is new is."""
    name = jobs.create(
        BOOKMARKED,
        DefaultArguments={
            "--bucket": jobs.bucket,
            "--job-bookmark-option": "job-bookmark-enable",
        },
    )

    def rows_read(commit: str) -> str:
        run = jobs.run(name, commit=commit)
        assert run["JobRunState"] == "SUCCEEDED", run
        return jobs.log(run["Id"], "output")

    put_rows(jobs, "a", {"id": 1}, {"id": 2})
    assert [rows_read("no"), rows_read("yes")] == ["rows: 2", "rows: 2"]
    put_rows(jobs, "b", {"id": 3})

    assert [rows_read("yes"), rows_read("yes")] == ["rows: 1", "rows: 0"]
    assert jobs.glue.get_job_bookmark(JobName=name)["JobBookmarkEntry"]["Version"] == 3
    jobs.glue.reset_job_bookmark(JobName=name)
    with pytest.raises(jobs.glue.exceptions.EntityNotFoundException):
        jobs.glue.get_job_bookmark(JobName=name)
