"""Settings: files under variables, everything wrong at once."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from etl.errors import SettingsError
from etl.root import ROOT
from etl.settings import list_environments, load_settings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project of its own, with one environment: a copy of dev."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "dev.yml").write_text((ROOT / "config" / "dev.yml").read_text())
    return tmp_path


def change(root: Path, **sections: object) -> None:
    path = root / "config" / "dev.yml"
    values = yaml.safe_load(path.read_text())
    for name, value in sections.items():
        values[name] = value if not isinstance(value, dict) else {**values[name], **value}
    path.write_text(yaml.safe_dump({k: v for k, v in values.items() if v is not None}))


@pytest.mark.parametrize("environment", list_environments())
def test_load_settings_of_each_environment_succeeds(environment: str) -> None:
    assert load_settings(environment).environment == environment


def test_load_settings_lists_the_three_environments_and_no_price_list() -> None:
    assert list_environments() == ["dev", "local", "prod"]


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_partition_and_account_are_those_of_the_copy_role(
    partition: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = f"arn:{partition}:iam::210987654321:role/copy"
    monkeypatch.setenv("ETL_WAREHOUSE__COPY_ROLE_ARN", role)
    settings = load_settings("dev")
    assert (settings.partition, settings.account_id) == (partition, "210987654321")


def test_load_settings_with_variable_overrides_the_file(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETL_WAREHOUSE__HOST", "redshift.example.com")
    monkeypatch.setenv("ETL_PLACES__SHOP_API_URL", "https://other.example.com")
    settings = load_settings("dev", root=root)
    assert settings.warehouse.host == "redshift.example.com"
    assert settings.warehouse.workgroup_name == settings.name
    assert settings.places_for_contracts()["shop_api_url"] == "https://other.example.com"
    assert "airports_csv" in settings.places


def test_load_settings_with_several_mistakes_names_each_with_its_variable(root: Path) -> None:
    change(root, region=None, glue={"timeout_minutes": 0}, warehouse={"password": "hunter2"})
    with pytest.raises(SettingsError) as caught:
        load_settings("dev", root=root)
    message = str(caught.value)
    assert "region is missing (ETL_REGION)" in message
    assert "glue.timeout_minutes" in message and "ETL_GLUE__TIMEOUT_MINUTES" in message
    assert "warehouse.password is not a setting; secrets never stand in files" in message
    assert "hunter2" not in message


def test_load_settings_with_both_kinds_of_warehouse_is_refused(root: Path) -> None:
    change(root, warehouse={"cluster_identifier": "etl-dev"})
    with pytest.raises(SettingsError, match="serverless takes workgroup_name"):
        load_settings("dev", root=root)


def test_load_settings_of_unknown_environment_suggests_the_near_one() -> None:
    with pytest.raises(SettingsError, match='did you mean "prod"') as caught:
        load_settings("prd")
    assert "dev, local, prod" in caught.value.fix


@pytest.mark.parametrize("text", ["region: [", "just text", "\t- x"])
def test_load_settings_of_damaged_file_names_it(root: Path, text: str) -> None:
    (root / "config" / "dev.yml").write_text(text)
    with pytest.raises(SettingsError, match=r"config/dev\.yml"):
        load_settings("dev", root=root)
