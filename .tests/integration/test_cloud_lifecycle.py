"""The embedded cloud's life: who keeps it up, what it leaves behind, what it brings back."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.exceptions import BotoCoreError, ClientError

ACCOUNT = "123456789012"
SOURCE = str(Path(__file__).resolve().parents[2] / "src")
COMMAND = [sys.executable, "-m", "local_cloud"]
RunCloud = Callable[..., "subprocess.CompletedProcess[str]"]

SLEEPER = """
import subprocess, sys
def handle(event, context):
    subprocess.run([sys.executable, "-c", "import time; time.sleep(300)"])
"""


@pytest.fixture
def homes(tmp_path: Path, run_cloud: RunCloud) -> Iterator[list[Path]]:
    """Two homes whose clouds are stopped afterwards."""
    found = [tmp_path / "one", tmp_path / "two"]
    yield found
    for home in found:
        if home.exists():
            run_cloud(home, "down")


@pytest.fixture
def home(homes: list[Path]) -> Path:
    return homes[0]


def variables(run_cloud: RunCloud, home: Path) -> dict[str, str]:
    """Start a home's cloud with nothing in it; what `attach` prints."""
    done = run_cloud(home, "attach", "--bare", "--owner", str(os.getpid()))
    assert done.returncode == 0, done.stderr
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def connect(environment: dict[str, str], service: str) -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )


def daemon_of(home: Path) -> psutil.Process:
    return psutil.Process(int((home / "lock").read_text()))


def wait_until(condition: Callable[[], bool], *, seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def fill(environment: dict[str, str]) -> None:
    """Put something into each kind of state."""
    s3 = connect(environment, "s3")
    s3.create_bucket(Bucket="kept")
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    for text in (b"old", b"new"):
        s3.put_object(Bucket="kept", Key="k", Body=text, Metadata={"m": "v"}, Tagging="t=1")
    upload = s3.create_multipart_upload(Bucket="kept", Key="large")["UploadId"]
    s3.upload_part(Bucket="kept", Key="large", UploadId=upload, PartNumber=1, Body=b"part")
    s3.put_object(Bucket="kept", Key="gone", Body=b"x")
    s3.delete_object(Bucket="kept", Key="gone")
    connect(environment, "glue").create_database(DatabaseInput={"Name": "catalogue"})
    queue = connect(environment, "sqs").create_queue(QueueName="waiting")["QueueUrl"]
    connect(environment, "sqs").send_message(QueueUrl=queue, MessageBody="hello")
    connect(environment, "secretsmanager").create_secret(Name="s", SecretString="hidden")
    connect(environment, "ssm").put_parameter(Name="/p", Value="1", Type="String")
    connect(environment, "kms").create_key()
    connect(environment, "sns").create_topic(Name="news")
    states = connect(environment, "stepfunctions")
    waiting = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}}
    machine = states.create_state_machine(
        name="waiting", definition=json.dumps(waiting), roleArn=f"arn:aws:iam::{ACCOUNT}:role/r"
    )["stateMachineArn"]
    states.start_execution(stateMachineArn=machine, name="long")


def check(environment: dict[str, str]) -> None:
    """Find again what `fill` put there."""
    s3 = connect(environment, "s3")
    found = s3.get_object(Bucket="kept", Key="k")
    assert (found["Body"].read(), found["Metadata"]) == (b"new", {"m": "v"})
    tags = s3.get_object_tagging(Bucket="kept", Key="k")["TagSet"]
    assert tags == [{"Key": "t", "Value": "1"}]
    versions = s3.list_object_versions(Bucket="kept", Prefix="k")["Versions"]
    assert len(versions) == 2
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket="kept")["Contents"]] == ["k"]
    [upload] = s3.list_multipart_uploads(Bucket="kept")["Uploads"]
    target = {"Bucket": "kept", "Key": "large", "UploadId": upload["UploadId"]}
    [part] = s3.list_parts(**target)["Parts"]
    parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
    s3.complete_multipart_upload(**target, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket="kept", Key="large")["Body"].read() == b"part"
    databases = connect(environment, "glue").get_databases()["DatabaseList"]
    assert "catalogue" in [database["Name"] for database in databases]
    queue = connect(environment, "sqs").get_queue_url(QueueName="waiting")["QueueUrl"]
    [message] = connect(environment, "sqs").receive_message(QueueUrl=queue)["Messages"]
    assert message["Body"] == "hello"
    secret = connect(environment, "secretsmanager").get_secret_value(SecretId="s")
    assert secret["SecretString"] == "hidden"
    assert connect(environment, "ssm").get_parameter(Name="/p")["Parameter"]["Value"] == "1"
    assert len(connect(environment, "kms").list_keys()["Keys"]) == 1
    assert len(connect(environment, "sns").list_topics()["Topics"]) == 1
    states = connect(environment, "stepfunctions")
    execution = f"arn:aws:states:us-east-1:{ACCOUNT}:execution:waiting:long"
    interrupted = states.describe_execution(executionArn=execution)
    assert (interrupted["status"], interrupted["error"]) == ("FAILED", "States.Runtime")
    history = states.get_execution_history(executionArn=execution)["events"]
    assert history[0]["type"] == "ExecutionStarted"


def start_endless_function(environment: dict[str, str]) -> None:
    """Leave an invocation running that has started a process of its own."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    role = connect(environment, "iam").create_role(
        RoleName="sleeper", AssumeRolePolicyDocument=json.dumps(trust)
    )
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("sleeper.py", SLEEPER)
    connect(environment, "lambda").create_function(
        FunctionName="sleeper",
        Role=role["Role"]["Arn"],
        Runtime="python3.12",
        Handler="sleeper.handle",
        Timeout=300,
        Code={"ZipFile": archive.getvalue()},
    )
    connect(environment, "lambda").invoke(FunctionName="sleeper", InvocationType="Event")


def sleepers_below(daemon: psutil.Process) -> list[psutil.Process]:
    def sleeps(process: psutil.Process) -> bool:
        try:
            return "time.sleep(300)" in " ".join(process.cmdline())
        except psutil.Error:
            return False  # it has just ended

    return [process for process in daemon.children(recursive=True) if sleeps(process)]


def test_state_survives_down_and_up(home: Path, run_cloud: RunCloud) -> None:
    before = variables(run_cloud, home)
    fill(before)
    assert run_cloud(home, "down").returncode == 0
    after = variables(run_cloud, home)
    assert after == before
    check(after)


def test_state_survives_sigkill(home: Path, run_cloud: RunCloud) -> None:
    fill(variables(run_cloud, home))
    daemon = daemon_of(home)
    daemon.kill()
    assert wait_until(lambda: is_gone(daemon))
    check(variables(run_cloud, home))


def test_no_acknowledged_write_is_lost_to_sigkill(home: Path, run_cloud: RunCloud) -> None:
    environment = variables(run_cloud, home)
    s3, sqs = connect(environment, "s3"), connect(environment, "sqs")
    s3.create_bucket(Bucket="busy")
    queue = sqs.create_queue(QueueName="busy")["QueueUrl"]
    acknowledged: list[str] = []

    def write(thread: int) -> None:
        for number in range(10_000):
            key = f"{thread}/{number}"
            try:
                s3.put_object(Bucket="busy", Key=key, Body=key.encode() * 100)
                sqs.send_message(QueueUrl=queue, MessageBody=key)
            except (BotoCoreError, ClientError):
                return
            acknowledged.append(key)

    with ThreadPoolExecutor(4) as pool:
        writing = [pool.submit(write, thread) for thread in range(4)]
        assert wait_until(lambda: len(acknowledged) > 100, seconds=60)
        daemon_of(home).kill()
        for each in writing:
            each.result()
    environment = variables(run_cloud, home)
    s3, sqs = connect(environment, "s3"), connect(environment, "sqs")
    for key in acknowledged:
        assert s3.get_object(Bucket="busy", Key=key)["Body"].read() == key.encode() * 100
    attributes = ["ApproximateNumberOfMessages"]
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=attributes)["Attributes"]
    assert int(found["ApproximateNumberOfMessages"]) >= len(acknowledged)


def test_files_of_replaced_objects_are_removed_at_the_next_start(
    home: Path, run_cloud: RunCloud
) -> None:
    s3 = connect(variables(run_cloud, home), "s3")
    s3.create_bucket(Bucket="rewritten")
    for number in range(5):
        s3.put_object(Bucket="rewritten", Key="k", Body=b"%d" % number)
    run_cloud(home, "down")
    s3 = connect(variables(run_cloud, home), "s3")
    assert s3.get_object(Bucket="rewritten", Key="k")["Body"].read() == b"4"
    assert len([path for path in (home / "objects").rglob("*") if path.is_file()]) == 1


def test_children_die_with_a_killed_daemon(home: Path, run_cloud: RunCloud) -> None:
    start_endless_function(variables(run_cloud, home))
    daemon = daemon_of(home)
    assert wait_until(lambda: bool(sleepers_below(daemon)))
    family = daemon.children(recursive=True)
    daemon.kill()
    assert wait_until(lambda: all(is_gone(process) for process in family))


def test_down_ends_every_child(home: Path, run_cloud: RunCloud) -> None:
    start_endless_function(variables(run_cloud, home))
    daemon = daemon_of(home)
    assert wait_until(lambda: bool(sleepers_below(daemon)))
    family = [daemon, *daemon.children(recursive=True)]
    assert run_cloud(home, "down").returncode == 0
    assert wait_until(lambda: all(is_gone(process) for process in family))
    assert run_cloud(home, "status").returncode == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_daemon_stops_with_its_owner_however_that_ends(
    home: Path, run_cloud: RunCloud, number: int
) -> None:
    owner = subprocess.Popen(["sleep", "300"])
    run_cloud(home, "attach", "--bare", "--owner", str(owner.pid))
    daemon = daemon_of(home)
    owner.send_signal(number)
    owner.wait()
    assert wait_until(lambda: is_gone(daemon))


def test_attach_without_an_owner_lives_as_long_as_its_caller(
    home: Path, run_cloud: RunCloud
) -> None:
    script = (
        "import subprocess, sys;"
        "subprocess.run([sys.executable, '-m', 'local_cloud', 'attach', '--bare'], check=True)"
    )
    done = run_cloud(home, command=[sys.executable, "-c", script])
    assert "AWS_ENDPOINT_URL=http://127.0.0.1:" in done.stdout
    assert wait_until(lambda: run_cloud(home, "status").returncode == 1)


def test_ctrl_c_in_the_foreground_leaves_the_daemon_to_its_owner(
    home: Path, run_cloud: RunCloud
) -> None:
    variables(run_cloud, home)
    daemon = daemon_of(home)
    assert os.getsid(daemon.pid) == daemon.pid
    assert os.getpgid(daemon.pid) != os.getpgid(os.getpid())


def test_up_pins_the_cloud_and_attach_uses_it(home: Path, run_cloud: RunCloud) -> None:
    up = run_cloud(home, "up", "--bare")
    assert up.returncode == 0 and "answers at http://127.0.0.1:" in up.stdout
    daemon = daemon_of(home)
    owner = subprocess.Popen(["sleep", "300"])
    run_cloud(home, "attach", "--bare", "--owner", str(owner.pid))
    owner.kill()
    owner.wait()
    time.sleep(1)
    assert daemon_of(home).pid == daemon.pid and not is_gone(daemon)
    assert "until it is stopped" in run_cloud(home, "status").stdout


def test_many_attaching_at_once_share_one_daemon(home: Path, run_cloud: RunCloud) -> None:
    home.mkdir()
    environment = os.environ | {"LOCAL_CLOUD_HOME": str(home), "PYTHONPATH": SOURCE}
    command = [*COMMAND, "attach", "--bare", "--owner", str(os.getpid())]
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    outputs = {process.communicate()[0] for process in running}
    assert len(outputs) == 1 and "AWS_ENDPOINT_URL" in outputs.pop()


def test_two_homes_run_side_by_side_and_share_nothing(
    homes: list[Path], run_cloud: RunCloud
) -> None:
    one, two = (variables(run_cloud, home) for home in homes)
    assert one["AWS_ENDPOINT_URL"] != two["AWS_ENDPOINT_URL"]
    connect(one, "s3").create_bucket(Bucket="only-in-one")
    assert connect(two, "s3").list_buckets()["Buckets"] == []
    with pytest.raises(Exception, match="InvalidAccessKeyId"):
        connect(one | {"AWS_ENDPOINT_URL": two["AWS_ENDPOINT_URL"]}, "s3").list_buckets()


def test_home_is_for_its_user_only(home: Path, run_cloud: RunCloud) -> None:
    fill(variables(run_cloud, home))
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    readable = [path for path in home.rglob("*") if path.lstat().st_mode & 0o077]
    assert [path for path in readable if path.is_file() and not path.is_symlink()] == []


def test_up_on_a_port_in_use_says_so_in_one_line(home: Path, run_cloud: RunCloud) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run_cloud(home, "up", "--bare", LOCAL_CLOUD_PORT=port)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in done.stderr
    assert "fix: set LOCAL_CLOUD_PORT" in done.stderr and "Traceback" not in done.stderr


def test_up_in_a_home_that_cannot_be_written_says_so(tmp_path: Path, run_cloud: RunCloud) -> None:
    (tmp_path / "file").write_text("")
    done = run_cloud(tmp_path / "file" / "home", "up", "--bare")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr and "fix: set LOCAL_CLOUD_HOME" in done.stderr


def test_env_without_a_running_cloud_says_how_to_start_one(home: Path, run_cloud: RunCloud) -> None:
    done = run_cloud(home, "env")
    assert (done.returncode, done.stdout) == (1, "")
    assert "fix: start one with `make up`" in done.stderr


def test_env_can_be_evaluated_by_a_shell(home: Path, run_cloud: RunCloud) -> None:
    endpoint = variables(run_cloud, home)["AWS_ENDPOINT_URL"]
    done = run_cloud(
        home,
        command=["sh", "-c", f'eval "$({sys.executable} -m local_cloud env)"; env'],
    )
    assert f"AWS_ENDPOINT_URL={endpoint}\n" in done.stdout
    assert "127.0.0.1" in dict(line.split("=", 1) for line in done.stdout.splitlines())["NO_PROXY"]


def test_state_of_another_version_is_refused_with_the_fix(home: Path, run_cloud: RunCloud) -> None:
    variables(run_cloud, home)
    run_cloud(home, "down")
    with sqlite3.connect(home / "state.sqlite") as database:
        database.execute("UPDATE state SET content = 'moto 1.0' WHERE kind = 'writer'")
    done = run_cloud(home, "up", "--bare")
    assert done.returncode == 1
    assert "was written by moto 1.0" in done.stderr and "fix: remove" in done.stderr


def test_state_that_cannot_be_read_is_named_with_the_fix(home: Path, run_cloud: RunCloud) -> None:
    fill(variables(run_cloud, home))
    assert run_cloud(home, "down").returncode == 0
    with sqlite3.connect(home / "state.sqlite") as database:
        database.execute("UPDATE state SET content = x'00' WHERE scope = 'sqs'")
    done = run_cloud(home, "up")
    assert done.returncode == 1
    assert "the saved state of sqs cannot be read" in done.stderr
    assert f"fix: remove {home}" in done.stderr and "Traceback" not in done.stderr
