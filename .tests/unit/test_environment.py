"""Entering an environment: its command's output becomes variables."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from etl import environment
from etl.environment import enter
from etl.errors import SettingsError
from etl.root import ROOT
from etl.settings import load_settings, read_config


@pytest.fixture
def before_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Set what the environment "dev" runs first."""
    (tmp_path / "config").mkdir()
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr(environment, "load_settings", lambda e: load_settings(e, root=tmp_path))
    monkeypatch.setattr(environment, "read_config", lambda e: read_config(e, root=tmp_path))

    def write(*command: str) -> None:
        values = yaml.safe_load((ROOT / "config" / "dev.yml").read_text())
        values["before_run"] = list(command)
        (tmp_path / "config" / "dev.yml").write_text(yaml.safe_dump(values))

    return write


def test_enter_merges_printed_variables_before_settings_load(before_run) -> None:
    before_run("{python}", "-c", "print('ETL_WAREHOUSE__HOST=db.example.com'); print('a word')")
    assert enter("dev").warehouse.host == "db.example.com"
    assert os.environ["ETL_WAREHOUSE__HOST"] == "db.example.com"


@pytest.mark.parametrize(("assume_role", "role"), [(True, "arn:role/flow"), (False, None)])
def test_enter_takes_the_flows_role_on_unless_told_not_to(
    before_run, monkeypatch: pytest.MonkeyPatch, assume_role: bool, role: str | None
) -> None:
    before_run()
    monkeypatch.setenv("ETL_ROLE_ARN", "arn:role/flow")
    assert enter("dev", assume_role=assume_role).aws.role_arn == role


def test_enter_keeps_equals_signs_in_values(before_run) -> None:
    before_run("{python}", "-c", "print('TOKEN_LIKE=a=b=c')")
    enter("dev")
    assert os.environ["TOKEN_LIKE"] == "a=b=c"


def test_enter_keeps_a_place_that_the_caller_chose(
    before_run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETL_PLACES__SHOP_API_URL", "https://mine.example.com")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://stale.example.com")
    before_run(
        "{python}",
        "-c",
        "print('ETL_PLACES__SHOP_API_URL=https://printed.example.com')\n"
        "print('ETL_PLACES__OTHER=https://other.example.com')\n"
        "print('AWS_ENDPOINT_URL=https://printed.example.com')",
    )
    places = enter("dev").places
    assert places["shop_api_url"] == "https://mine.example.com"
    assert places["other"] == "https://other.example.com"
    assert os.environ["AWS_ENDPOINT_URL"] == "https://printed.example.com"


def test_enter_with_failing_command_says_what_it_said(before_run) -> None:
    before_run("{python}", "-c", "import sys; sys.exit('port 4566 is in use')")
    with pytest.raises(SettingsError, match="port 4566 is in use"):
        enter("dev")


def test_enter_with_missing_command_names_it(before_run) -> None:
    before_run("no-such-command-here")
    with pytest.raises(SettingsError, match="cannot start no-such-command-here"):
        enter("dev")
