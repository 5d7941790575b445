"""What Terraform is told of an environment: complete, the same each time, and without secrets."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from etl.__main__ import main
from etl.errors import UsageError
from etl.infrastructure import variables
from etl.infrastructure.functions import lambda_functions
from etl.infrastructure.lifecycle import bucket_rules
from etl.infrastructure.variables import deployment
from etl.infrastructure_settings import Lifecycle, Lifecycles, Vpc
from etl.root import ROOT
from etl.settings import Settings, list_environments, load_settings

ACCOUNT = "123456789012"
HCL = [*ROOT.glob("terraform/*.tf"), *ROOT.glob("terraform/modules/*/*.tf")]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an archive for each function, and the Glue job's."""
    folder = tmp_path_factory.mktemp("packages")
    for handler in ROOT.glob("_lambda/*/*_handler.py"):
        (folder / f"{handler.parent.name}.zip").write_bytes(handler.read_bytes())
    (folder / "etl.zip").write_bytes(b"etl")
    return folder


@pytest.fixture(scope="module")
def document(packages: Path) -> dict[str, Any]:
    """What Terraform is told of dev."""
    return deployment(load_settings("dev"), ACCOUNT, packages=packages)


@pytest.mark.parametrize("environment", list_environments())
def test_lambda_functions_of_each_environment_are_the_folders_of_lambda(environment: str) -> None:
    functions = lambda_functions(load_settings(environment), ACCOUNT)
    folders = {path.parent.name: path for path in ROOT.glob("_lambda/*/*_handler.py")}
    assert {each.key for each in functions} == set(folders)
    for each in functions:
        module, _, name = each.handler.partition(".")
        assert folders[each.key].stem == module
        defined = ast.parse(folders[each.key].read_text()).body
        assert name in {node.name for node in defined if isinstance(node, ast.FunctionDef)}


def test_lambda_functions_without_archiver_and_api_are_three() -> None:
    settings = load_settings("dev")
    bare = settings.model_copy(
        update={
            "archiver": settings.archiver.model_copy(update={"function_name": None}),
            "ingest": settings.ingest.model_copy(update={"api_name": None}),
        }
    )
    keys = [each.key for each in lambda_functions(bare, ACCOUNT)]
    assert keys == ["pipeline", "processor", "validator"]


def test_deployment_names_each_role_and_policy_file(document: dict[str, Any]) -> None:
    written = {path.stem for path in ROOT.glob("terraform/policies/*.yml")}
    assert set(document["roles"]) == written
    assert set(document["functions"]) < written


def test_deployment_has_every_value_that_the_root_module_reads(document: dict[str, Any]) -> None:
    tops = {
        "deployment": document,
        "settings": document["settings"],
        "infrastructure": document["settings"]["infrastructure"],
    }
    text = "".join(path.read_text() for path in ROOT.glob("terraform/*.tf"))
    read = set(re.findall(r"\blocal\.(deployment|settings|infrastructure)\.([\w.]+)", text))
    assert len(read) > 30
    for top, path in read:
        value = tops[top]
        for name in path.split("."):
            if value is not None:  # what dev does without has no fields
                assert name in value, f"{top}.{path}"
                value = value[name]


def test_deployment_of_the_same_files_is_the_same(packages: Path, document: dict[str, Any]) -> None:
    again = deployment(load_settings("dev"), ACCOUNT, packages=packages)
    assert json.dumps(again, sort_keys=True) == json.dumps(document, sort_keys=True)


def test_deployment_with_other_code_has_another_key_and_hash(
    packages: Path, document: dict[str, Any], tmp_path: Path
) -> None:
    for archive in packages.iterdir():
        (tmp_path / archive.name).write_bytes(archive.read_bytes())
    (tmp_path / "validator.zip").write_bytes(b"other")
    other = deployment(load_settings("dev"), ACCOUNT, packages=tmp_path)
    changed = {name for name in other["code"] if other["code"][name] != document["code"][name]}
    keys = {name for name in changed if other["code"][name]["key"] != document["code"][name]["key"]}
    assert keys == {"validator.zip"}
    assert (
        other["functions"]["validator"]["code_sha256"] == other["code"]["validator.zip"]["sha256"]
    )
    assert other["functions"]["ingest"] == document["functions"]["ingest"]


def test_deployment_without_an_archive_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no .*validator\.zip") as caught:
        deployment(load_settings("dev"), ACCOUNT, packages=tmp_path)
    assert caught.value.fix == "make package"


def test_deployment_has_a_table_for_each_transformed_contract(document: dict[str, Any]) -> None:
    assert {"airports", "orders"} <= set(document["tables"])
    orders = document["tables"]["orders"]
    assert orders["PartitionKeys"][0] == {"Name": "ingest_date", "Type": "date"}
    assert "order_id" in {column["Name"] for column in orders["StorageDescriptor"]["Columns"]}


def test_deployment_has_what_the_environment_s_datasets_need_and_no_more(
    monkeypatch: pytest.MonkeyPatch, packages: Path
) -> None:
    monkeypatch.setenv("ETL_DATASETS", '["price_list"]')

    document = deployment(load_settings("dev"), ACCOUNT, packages=packages)

    assert list(document["tables"]) == ["price_list"]
    assert document["scheduled_datasets"] == ["price_list"]
    assert document["secrets"] == []


def test_deployment_watches_the_freshness_of_what_runs_daily(
    monkeypatch: pytest.MonkeyPatch, packages: Path
) -> None:
    monkeypatch.setattr(variables, "daily_datasets", lambda _: ["orders"])

    document = deployment(load_settings("dev"), ACCOUNT, packages=packages)

    assert document["scheduled_datasets"] == ["orders"]


def test_deployment_names_secrets_and_holds_no_secret_nor_place_of_a_source(
    monkeypatch: pytest.MonkeyPatch, packages: Path
) -> None:
    monkeypatch.setenv("ETL_PLACES__SHOP_API_URL", "https://hunter2.example.com")
    settings = load_settings("dev")
    found = deployment(settings, ACCOUNT, packages=packages)
    assert found["secrets"] == [f"{settings.name}/shop-api", f"{settings.name}/shop-database"]
    assert "hunter2" not in json.dumps(found)


def test_deployment_without_an_api_describes_none(packages: Path) -> None:
    settings = load_settings("dev")
    ingest = settings.ingest.model_copy(update={"api_name": None})
    found = deployment(settings.model_copy(update={"ingest": ingest}), ACCOUNT, packages=packages)
    assert found["openapi"] is None
    assert "ingest" not in found["functions"]
    assert "ingest" not in found["roles"]


def test_deployment_in_another_partition_names_none_of_aws(
    monkeypatch: pytest.MonkeyPatch, packages: Path
) -> None:
    role = f"arn:aws-cn:iam::{ACCOUNT}:role/etl-dev-redshift-copy"
    monkeypatch.setenv("ETL_WAREHOUSE__COPY_ROLE_ARN", role)
    monkeypatch.setenv("ETL_REGION", "cn-north-1")
    monkeypatch.setenv("ETL_ROLE_ARN", f"arn:aws-cn:iam::{ACCOUNT}:role/etl-dev-flow")

    document = deployment(load_settings("dev"), ACCOUNT, packages=packages)

    arns = set(re.findall(r"arn:[a-z-]+:[a-z-]*:", json.dumps(document)))
    assert {"arn:aws-cn:lambda:", "arn:aws-cn:states:", "arn:aws-cn:iam:"} <= arns
    assert not [each for each in arns if not each.startswith("arn:aws-cn:")]


def test_deployments_of_two_environments_share_no_name(packages: Path) -> None:
    dev, prod = (
        deployment(load_settings(each), ACCOUNT, packages=packages) for each in ("dev", "prod")
    )
    for part in ("buckets", "functions", "roles"):
        names = [{each["name"] for each in document[part].values()} for document in (dev, prod)]
        assert not names[0] & names[1]
    assert dev["state"]["key"] != prod["state"]["key"]


def test_infrastructure_command_writes_the_document_and_where_the_state_lies(
    packages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--env", "dev", "--packages", str(packages), "--output", str(tmp_path)]
    assert main(["infrastructure", *arguments]) == 0
    document = json.loads((tmp_path / "dev.json").read_text())
    settings = load_settings("dev")
    assert document["account_id"] == settings.account_id
    assert (tmp_path / "dev.backend.hcl").read_text() == (
        f'bucket = "terraform-state-{settings.account_id}-{settings.region}"\n'
        f'key = "{settings.name}/terraform.tfstate"\n'
        f'region = "{settings.region}"\n'
        "use_lockfile = true\n"
    )
    assert capsys.readouterr().out.split() == [
        str(tmp_path / name) for name in ("dev.json", "dev.backend.hcl")
    ]


def with_lifecycle(**layers: Lifecycle) -> Settings:
    settings = load_settings("dev")
    infrastructure = settings.infrastructure.model_copy(update={"lifecycle": Lifecycles(**layers)})
    return settings.model_copy(update={"infrastructure": infrastructure})


def test_bucket_rules_with_ages_say_when_objects_move_and_end() -> None:
    aging = Lifecycle(standard_ia_after_days=30, glacier_after_days=90, expire_after_days=400)
    ages, replaced, uploads = bucket_rules(with_lifecycle(raw=aging))["raw"]
    assert ages["Transitions"] == [
        {"Days": 30, "StorageClass": "STANDARD_IA"},
        {"Days": 90, "StorageClass": "GLACIER_IR"},
    ]
    assert ages["Expiration"] == {"Days": 400}
    assert replaced["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert uploads["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


def test_bucket_rules_of_artifacts_end_only_the_answers_of_queries() -> None:
    rules = bucket_rules(load_settings("prod"))["artifacts"]
    ending = [each for each in rules if "Days" in each.get("Expiration", {})]
    assert [each["Filter"]["Prefix"] for each in ending] == ["athena-results/"]


@pytest.mark.parametrize(
    "days",
    [
        {"standard_ia_after_days": 90, "glacier_after_days": 30},
        {"glacier_after_days": 90, "expire_after_days": 90},
        {"intelligent_tiering": True, "standard_ia_after_days": 30},
        {"standard_ia_after_days": 29},
    ],
)
def test_lifecycle_out_of_order_is_refused(days: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Lifecycle(**days)


def test_vpc_has_endpoints_for_what_flows_and_the_worker_call() -> None:
    texts = [
        path.read_text() for path in ROOT.glob("src/etl/**/*.py") if "doctor" not in path.parts
    ]
    called = {name for text in texts for name in re.findall(r'client\("([a-z0-9-]+)"', text)}
    named_otherwise = {"stepfunctions": "states"}
    worker = {"ecr.api", "ecr.dkr", "ecs", "sqs"}  # pulls images, starts tasks, hears how they end
    assert set(Vpc().endpoints) == {named_otherwise.get(each, each) for each in called} | worker


def test_hcl_holds_no_name_and_no_account_of_an_environment() -> None:
    names = {
        name
        for environment in list_environments()
        for settings in [load_settings(environment)]
        for name in [settings.name, settings.account_id, *settings.buckets.names.values()]
    }
    for path in HCL:
        text = path.read_text()
        assert not [name for name in names if name in text], path
