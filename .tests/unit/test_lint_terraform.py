"""The lint of Terraform: where it takes the provider from, and when it is silent."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.terraform import tool


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without a configuration of Terraform's, and its folder of mirrors."""
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(tmp_path / "absent"))
    monkeypatch.setattr(tool, "_MIRRORS", (str(tmp_path / "mirrors" / "*"),))
    return tmp_path / "mirrors"


def test_provider_is_taken_from_the_first_mirror_that_has_it(machine: Path) -> None:
    for name in ("a", "b", "c"):
        (machine / name / "registry.terraform.io/hashicorp").mkdir(parents=True)
    for name in ("b", "c"):
        (machine / name / "registry.terraform.io/hashicorp/aws").mkdir()
    assert tool.plugin_options() == [f"-plugin-dir={machine / 'b'}"]


def test_provider_comes_from_the_registry_without_a_mirror(machine: Path) -> None:
    assert tool.plugin_options() == []


def test_configuration_file_goes_before_mirrors(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (machine / "a" / "registry.terraform.io/hashicorp/aws").mkdir(parents=True)
    (machine / "terraformrc").touch()
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(machine / "terraformrc"))
    assert tool.plugin_options() == []


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["--strict"], 1)])
def test_missing_terraform_fails_only_where_it_has_to_be(
    arguments: list[str],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(tool.shutil, "which", lambda _: None)
    monkeypatch.setattr("sys.argv", ["lint_terraform.py", *arguments])
    assert tool.main() == code
    assert "terraform/ was not checked: terraform is not installed" in capsys.readouterr().err
