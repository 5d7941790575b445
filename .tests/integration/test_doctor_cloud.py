"""The doctor finds nothing wrong with the embedded cloud, and finds what is then broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from etl.settings import load_settings


def _doctor(cloud: Mapping[str, str], **environ: str) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code and the checks by name."""
    done = subprocess.run(
        [sys.executable, "-m", "etl", "doctor", "--env", "local", "--json"],
        env={**os.environ, **cloud, "PREFECT_API_URL": "", **environ},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, {each["check"]: each for each in json.loads(done.stdout)["checks"]}


@pytest.mark.parametrize("loader", ["copy", "data-api"])
def test_doctor_embedded_cloud_is_all_ok(cloud: dict[str, str], loader: str) -> None:
    code, found = _doctor(cloud, ETL_WAREHOUSE__LOADER=loader)
    assert [each for each in found.values() if each["state"] != "ok"] == []
    assert code == 0
    assert f"by {loader}: SELECT 1" in found["warehouse"]["what"]
    assert {"bucket raw", "Glue job", "validator", "COPY role", "contract orders"} <= set(found)


def test_doctor_what_is_not_there_fails_by_name(cloud: dict[str, str]) -> None:
    role = load_settings("local").warehouse.copy_role_arn
    code, found = _doctor(
        cloud,
        ETL_BUCKETS__RAW="no-such-bucket",
        ETL_GLUE__JOB_NAME="no-such-job",
        ETL_GLUE__DATABASE="no_such_database",
        ETL_VALIDATOR__FUNCTION_NAME="no-such-function",
        ETL_WAREHOUSE__WORKGROUP_NAME="no-such-workgroup",
        ETL_WAREHOUSE__COPY_ROLE_ARN=role + "-gone",
        ETL_ATHENA__WORKGROUP="no-such-group",
        PREFECT_API_URL="http://127.0.0.1:9/api",
    )
    assert code == 1
    assert {name for name, each in found.items() if each["state"] == "FAIL"} == {
        "bucket raw",
        "Glue job",
        "Glue database",
        "validator",
        "warehouse",
        "COPY role",
        "Athena workgroup",
        "Prefect",
    }
    for each in found.values():
        assert each["state"] != "FAIL" or each["fix"], each
