"""What config/local.yml names is there after `attach`, and stays as it is after another."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from etl.settings import Settings, load_settings

RunCloud = Callable[..., Any]


@pytest.fixture(scope="module")
def settings(cloud: dict[str, str]) -> Settings:
    return load_settings("local")


def attach_again(run_cloud: RunCloud, cloud: dict[str, str], **environ: str) -> None:
    home = Path(cloud["LOCAL_CLOUD_HOME"])
    done = run_cloud(home, "attach", "--owner", str(os.getpid()), **environ)
    assert done.returncode == 0, done.stderr


def test_attach_creates_everything_that_a_run_needs(
    settings: Settings, client: Callable[[str], Any]
) -> None:
    for name in settings.buckets.names.values():
        blocked = client("s3").get_public_access_block(Bucket=name)
        assert all(blocked["PublicAccessBlockConfiguration"].values())
        assert client("s3").get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    found = client("s3").get_bucket_lifecycle_configuration(Bucket=settings.buckets.archive)
    assert found["Rules"][0]["Transitions"][0]["Days"] == settings.archiver.glacier_after_days
    (rule,) = client("events").list_rules(NamePrefix=settings.archiver.rule_name)["Rules"]
    assert rule["ScheduleExpression"] == settings.archiver.schedule
    job = client("glue").get_job(JobName=settings.glue.job_name)["Job"]
    assert job["GlueVersion"] == "5.1"
    for place in (job["Command"]["ScriptLocation"], job["DefaultArguments"]["--extra-py-files"]):
        bucket, _, key = place.removeprefix("s3://").partition("/")
        assert client("s3").head_object(Bucket=bucket, Key=key)["ContentLength"] > 0
    function = client("lambda").get_function(FunctionName=settings.validator.function_name)
    assert function["Configuration"]["MemorySize"] == settings.validator.memory_mb
    client("glue").get_database(Name=settings.glue.database)
    client("athena").get_work_group(WorkGroup=settings.athena.workgroup)
    assert settings.warehouse.workgroup_name
    client("redshift-serverless").get_workgroup(workgroupName=settings.warehouse.workgroup_name)
    role = settings.warehouse.copy_role_arn.rpartition("/")[2]
    assert client("iam").get_role(RoleName=role)["Role"]["Arn"] == settings.warehouse.copy_role_arn


def test_attach_again_changes_nothing(
    settings: Settings, cloud: dict[str, str], client: Callable[[str], Any], run_cloud: RunCloud
) -> None:
    def described() -> list[Any]:
        function = client("lambda").get_function(FunctionName=settings.validator.function_name)
        objects = client("s3").list_objects_v2(Bucket=settings.buckets.artifacts, Prefix="code/")
        job = client("glue").get_job(JobName=settings.glue.job_name)["Job"]
        return [
            function["Configuration"]["LastModified"],
            [(entry["Key"], entry["LastModified"]) for entry in objects["Contents"]],
            job["LastModifiedOn"],
        ]

    before = described()
    attach_again(run_cloud, cloud)
    assert described() == before


def test_attach_puts_back_what_is_missing_or_altered(
    settings: Settings, cloud: dict[str, str], client: Callable[[str], Any], run_cloud: RunCloud
) -> None:
    bucket = settings.buckets.quarantine
    kept = client("s3").list_object_versions(Bucket=bucket)
    for each in [*kept.get("Versions", []), *kept.get("DeleteMarkers", [])]:
        client("s3").delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
    client("s3").delete_bucket(Bucket=bucket)
    name = settings.validator.function_name
    client("lambda").update_function_configuration(FunctionName=name, MemorySize=128)
    attach_again(run_cloud, cloud)
    client("s3").head_bucket(Bucket=settings.buckets.quarantine)
    found = client("lambda").get_function_configuration(FunctionName=name)
    assert found["MemorySize"] == settings.validator.memory_mb


def test_attach_creates_nothing_for_the_variables_of_one_run(
    cloud: dict[str, str], client: Callable[[str], Any], run_cloud: RunCloud
) -> None:
    attach_again(run_cloud, cloud, ETL_BUCKETS__RAW="a-slip-of-the-pen")
    with pytest.raises(ClientError, match="404"):
        client("s3").head_bucket(Bucket="a-slip-of-the-pen")
