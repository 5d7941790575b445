"""The production environment can be planned from the code alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest
from support.terraform import ROOT


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_plan_code_of_prod_makes_an_environment_and_needs_no_account() -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "ETL_", "LOCAL_"))}
    done = subprocess.run(
        [sys.executable, "-m", "tools.plan_code", "--env", "prod"],
        cwd=ROOT,
        env=kept,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if "provider packages" in done.stderr:
        pytest.skip("Terraform's AWS provider is not here")
    assert done.returncode == 0, done.stderr
    found = re.search(r"Plan: (\d+) to add, 0 to change, 0 to destroy\.", done.stdout)
    assert found and int(found[1]) > 100
    assert "aws_kms_key" in done.stdout  # which dev has not
