"""The workflows of GitHub Actions name what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = {path.name: yaml.safe_load(path.read_text("utf-8")) for path in FOLDER.iterdir()}


def jobs() -> dict[str, Any]:
    return {
        f"{name} {key}": job
        for name, workflow in WORKFLOWS.items()
        for key, job in workflow["jobs"].items()
    }


def steps() -> list[dict[str, Any]]:
    return [step for job in jobs().values() for step in job.get("steps", [])]


def test_workflows_call_targets_of_the_makefile_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    called = {
        target
        for step in steps()
        for target in re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))
    }
    assert called and called <= targets


def test_workflows_actions_are_pinned_to_a_commit() -> None:
    used = {step["uses"] for step in steps() if "uses" in step}
    assert used
    assert [each for each in used if not re.search(r"@[0-9a-f]{40}$", each)] == []


def test_workflows_keep_no_key_of_aws() -> None:
    text = "".join(path.read_text("utf-8") for path in FOLDER.iterdir())
    assert "aws-access-key-id" not in text and "AWS_SECRET" not in text
    assert set(re.findall(r"secrets\.(\w+)", text)) == {"PREFECT_API_KEY"}


@pytest.mark.parametrize("workflow", ["main.yml", "release.yml"])
def test_workflows_deploy_only_after_the_checks(workflow: str) -> None:
    [deploy] = [
        job
        for job in WORKFLOWS[workflow]["jobs"].values()
        if job.get("uses", "").endswith("/deploy.yml")
    ]
    assert deploy["needs"] == "check"


def test_workflows_terraform_is_the_one_that_the_code_asks_for() -> None:
    versions = {
        step["with"]["terraform_version"]
        for step in steps()
        if step.get("uses", "").startswith("hashicorp/setup-terraform@")
    }
    assert len(versions) == 1
    wanted = (ROOT / "terraform" / "versions.tf").read_text("utf-8")
    assert f'">= {versions.pop().rpartition(".")[0]}' in wanted
