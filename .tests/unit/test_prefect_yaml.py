"""What prefect.yaml deploys, where, and what an image needs to run it."""

from __future__ import annotations

import ast
import json
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import prefect
import pytest
import yaml
from tools.deploy.deployment import deployments_of

from etl.contracts import list_datasets
from etl.errors import SettingsError, UsageError
from etl.infrastructure.deployments import IMAGE_FOLDER, daily_datasets, deployment_values
from etl.root import ROOT
from etl.settings import load_settings

FILE = yaml.safe_load((ROOT / "prefect.yaml").read_text())
DEPLOYMENTS = FILE["deployments"]
COPIES = re.findall(r"^COPY (\S+) (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
LOAD_FLOWS = """
import sys
from pathlib import Path
sys.path[:] = [each for each in sys.path if each not in sys.argv[1:]]
from prefect.flows import load_flow_from_entrypoint
from etl.contracts import list_datasets, load_contract
from etl.costs import load_prices
from etl.named_queries import list_queries
from etl.settings import load_settings
for entrypoint in sys.stdin.read().split():
    load_flow_from_entrypoint(entrypoint)
load_prices(), list_queries()
settings = load_settings("prod")
print(*(load_contract(each, settings=settings).dataset for each in list_datasets()))
"""


def test_each_contract_has_one_deployment() -> None:
    pipelines = [each for each in DEPLOYMENTS if "full_pipeline.py" in each["entrypoint"]]
    datasets = [each["parameters"]["dataset"] for each in pipelines]
    assert sorted(datasets) == list_datasets()
    for each in pipelines:
        assert each["name"] == f"{each['parameters']['dataset']}-{{{{ etl.env }}}}"


@pytest.mark.parametrize("given", DEPLOYMENTS, ids=lambda each: str(each["name"]))
def test_deployment_asks_no_question_and_names_a_flow_s_own_parameters(
    given: dict[str, Any],
) -> None:
    assert {"schedules", "description", "concurrency_limit", "work_pool"} <= set(given)
    assert "name" not in given["work_pool"]  # prefect.toml's, or the variable's
    assert any("{{ etl.env }}" in tag for tag in given["tags"])
    path, _, function = given["entrypoint"].partition(":")
    tree = ast.parse((ROOT / path).read_text())
    (found,) = [
        each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == function
    ]
    assert set(given["parameters"]) <= {each.arg for each in found.args.args}
    assert given["parameters"]["env"] == "{{ etl.env }}"


def test_default_pool_is_the_local_environment_s() -> None:
    settings = tomllib.loads((ROOT / "prefect.toml").read_text())
    assert settings["deployments"]["default_work_pool_name"] == load_settings("local").name


@pytest.mark.parametrize(
    ("kind", "schedules", "directory"), [("process", False, str(ROOT)), ("ecs", True, IMAGE_FOLDER)]
)
def test_values_are_those_of_the_environment(
    kind: str, schedules: bool, directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETL_WORKERS__KIND", kind)
    monkeypatch.setenv("ETL_WORKERS__SCHEDULES", str(schedules))

    values = deployment_values("dev", load_settings("dev").name)

    assert values == {"env": "dev", "directory": directory, "schedules": schedules}


def test_environment_that_names_its_datasets_gets_their_deployments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert deployments_of(load_settings("dev")) == ["--all"]
    monkeypatch.setenv("ETL_DATASETS", '["orders"]')
    chosen = deployments_of(load_settings("dev"))
    names = ["backfill", "archive", "heavy-batch", "orders"]
    assert chosen == [word for each in names for word in ("--name", f"{each}-{{{{ etl.env }}}}")]


@pytest.mark.parametrize(
    ("schedules", "is_daily"),
    [
        ("*nightly", True),
        ("[{ cron: 30 */2 * * *, timezone: UTC }]", True),
        ("[{ interval: 86400 }]", True),
        ("[{ interval: P1D }]", True),
        ("[{ cron: 0 5 1 * * }, { cron: 0 5 * * *, active: true }]", True),
        ('[{ cron: 30 5 * * 1-5, active: "{{ etl.schedules }}" }]', False),
        ("[{ cron: 30 5 1 * * }]", False),
        ("[{ cron: 30 5 * 1 * }]", False),
        ("[{ interval: 90000 }]", False),
        ('[{ rrule: "FREQ=WEEKLY" }]', False),
        ("[{ cron: 0 3 * * *, active: false }]", False),
        ("[]", False),
        ("null", False),
    ],
)
def test_daily_datasets_are_those_that_a_schedule_runs_every_day(
    schedules: str, is_daily: bool, tmp_path: Path
) -> None:
    last = 'parameters: { dataset: price_list, env: "{{ etl.env }}" }'
    text = (ROOT / "prefect.yaml").read_text()
    changed = text.replace(last, f"{last}, schedules: {schedules}")
    assert changed != text
    (tmp_path / "prefect.yaml").write_text(changed)

    found = daily_datasets(load_settings("dev"), root=tmp_path)

    assert found == [each for each in list_datasets() if each != "price_list" or is_daily]


def test_daily_datasets_are_active_as_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ETL_DATASETS", '["orders"]')
    assert daily_datasets(load_settings("dev")) == ["orders"]
    monkeypatch.setenv("ETL_WORKERS__SCHEDULES", "false")
    assert daily_datasets(load_settings("dev")) == []


@pytest.mark.parametrize(
    ("environment", "pool"), [("dev", ""), ("prod", "etl-dev"), ("local", "etl-prod")]
)
def test_values_of_another_environment_s_pool_are_refused(environment: str, pool: str) -> None:
    with pytest.raises(UsageError, match="do not belong in the work pool") as refused:
        deployment_values(environment, pool)
    name = load_settings(environment).name
    assert f"PREFECT_DEFAULT_WORK_POOL_NAME={name}" in str(refused.value)


def test_values_of_an_unknown_environment_are_refused() -> None:
    with pytest.raises(SettingsError, match='no environment "pord", did you mean "prod"'):
        deployment_values("pord", "etl-prod")


def test_image_has_all_that_flows_need(tmp_path: Path) -> None:
    for source, target in COPIES:
        if not source.endswith(".txt"):
            shutil.copytree(ROOT / source, tmp_path / target)
    done = subprocess.run(
        [sys.executable, "-c", LOAD_FLOWS, str(ROOT / "src"), str(ROOT)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "src"), "PREFECT_HOME": str(tmp_path / "home")},
        input="\n".join({each["entrypoint"] for each in DEPLOYMENTS}),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == list_datasets()


def test_image_is_the_one_that_deployments_name() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert f"WORKDIR {IMAGE_FOLDER}" in lines
    assert f"ENV PYTHONPATH={IMAGE_FOLDER}/src" in lines
    assert lines.count("USER 10001") == 2
    kept = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"
    }
    assert kept == {source for source, _ in COPIES}


def test_ecs_pool_starts_terraform_s_task_definition() -> None:
    from tools.deploy.pool import ecs_template

    views = Path(prefect.__file__).parent / "server/api/collections_data/views"
    known = json.loads((views / "aggregate-worker-metadata.json").read_text())
    given = known["prefect-aws"]["ecs"]["default_base_job_configuration"]
    outputs = (ROOT / "terraform/modules/worker/outputs.tf").read_text()
    worker: dict[str, Any] = {
        name: name for name in re.findall(r"^    (\w+) += ", outputs, re.MULTILINE)
    }
    made = ecs_template(given, worker)
    request = made["job_configuration"]["task_run_request"]
    assert request["networkConfiguration"]["awsvpcConfiguration"]["subnets"] == "subnets"
    assert made["job_configuration"]["prefect_api_key_secret_arn"] == "prefect_api_key_secret_arn"
    defaults = {
        name: each["default"]
        for name, each in made["variables"]["properties"].items()
        if name in worker
    }
    assert defaults == {
        name: name for name in ("cluster", "task_definition_arn", "container_name", "launch_type")
    }
    assert "networkConfiguration" not in given["job_configuration"]["task_run_request"]


def test_ecs_pool_without_terraform_s_word_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tools.deploy.pool import read_outputs

    monkeypatch.setenv("ETL_INFRASTRUCTURE__VPC__MODE", "create")
    monkeypatch.setenv("ETL_INFRASTRUCTURE__WORKER__PREFECT_API_URL", "https://prefect/api")
    monkeypatch.setenv("ETL_INFRASTRUCTURE__WORKER__PREFECT_API_SECRET", "etl-dev/prefect-api-key")
    with pytest.raises(UsageError, match="fix: make apply ENV=dev"):
        read_outputs(load_settings("dev"), root=tmp_path)


def test_pool_of_an_environment_that_says_nowhere_where_flows_run_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tools.deploy.pool import read_outputs

    monkeypatch.setenv("ETL_INFRASTRUCTURE__WORKER", "null")
    settings = load_settings("dev")
    told = tmp_path / "build" / "terraform" / "dev.worker.json"
    told.parent.mkdir(parents=True)
    told.write_text("{}")  # what apply leaves then
    with pytest.raises(UsageError, match="does not say where flows run") as refused:
        read_outputs(settings, root=tmp_path)
    assert "workers: { kind: process }" in refused.value.fix
    assert "infrastructure: worker:" in refused.value.fix


def test_server_on_a_port_in_use_says_which_other_to_take() -> None:
    from tools.deploy.server import serve

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(UsageError, match=f"make server PORT={port + 1}"):
            serve(port)
