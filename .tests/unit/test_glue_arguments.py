"""Glue's special parameters: which reach the script, which Glue takes, which are refused."""

from __future__ import annotations

import pytest

from local_cloud.glue.arguments import check_modules, read_arguments
from local_cloud.glue.errors import InvalidRequestError, LaunchError, NotRunHereError


def read(**arguments: str) -> object:
    named = {f"--{name.replace('_', '-')}": value for name, value in arguments.items()}
    return read_arguments(named, job_name="j", job_run_id="jr")


def test_read_arguments_script_gets_the_rest_and_the_runs_names() -> None:
    arguments = read_arguments(
        {
            "--day": "1",
            "--extra-py-files": "s3://b/a.zip, s3://b/b.zip",
            "--conf": "spark.a=1 --conf spark.b=x=y",
            "--JOB_NAME": "forged",
        },
        job_name="j",
        job_run_id="jr",
    )

    assert arguments.py_files == ["s3://b/a.zip", "s3://b/b.zip"]
    assert arguments.spark == {"spark.a": "1", "spark.b": "x=y"}
    assert arguments.script[-4:] == ["--JOB_RUN_ID", "jr", "--JOB_NAME", "j"]
    assert arguments.script[:2] == ["--day", "1"] and "forged" not in arguments.script


def test_read_arguments_table_formats_are_refused() -> None:
    with pytest.raises(NotRunHereError, match="Iceberg"):
        read(datalake_formats="iceberg")


def test_read_arguments_name_without_dashes_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="day does not start with --"):
        read_arguments({"day": "1"}, job_name="j", job_run_id="jr")


def test_check_modules_installed_ones_pass() -> None:
    check_modules(["boto3", "pyarrow>=1"])


@pytest.mark.parametrize("module", ["boto3==0.0.1", "no-such-module-at-all", "s3://b/x.whl"])
def test_check_modules_others_fail_the_launch(module: str) -> None:
    with pytest.raises(LaunchError, match="--additional-python-modules"):
        check_modules([module])
