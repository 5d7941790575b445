"""make init names the project, everywhere it has to, and nothing else."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from etl.root import ROOT
from etl.settings import list_environments, load_settings


def _tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("init_tool", ROOT / "tools" / "init.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tool = _tool()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clean clone of what init edits, as the template comes."""
    for folder in ("config", "docs", "terraform"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns(".terraform")
        )
    for name in ("README.md", "pyproject.toml", "prefect.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    for arguments in (
        ("init", "--quiet"),
        ("config", "user.name", "x"),
        ("config", "user.email", "x@example.org"),
        ("add", "."),
        ("commit", "--quiet", "--message", "template"),
    ):
        _git(tmp_path, *arguments)
    return tmp_path


def _git(clone: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(clone), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


def _init(clone: Path, name: str, *options: str) -> int:
    code: int = tool.main(["--name", name, *options], root=clone)
    return code


@pytest.mark.parametrize(
    "current, text, expected",
    [
        ("prefect-aws-etl", "raw: example-etl-dev-raw", "raw: new-name-dev-raw"),
        ("prefect-aws-etl", "/etl-prod/metrics # etl_dev", "/new-name-prod/metrics # new_name_dev"),
        ("prefect-aws-etl", "my-etl-dev etl-device etl-local etl", None),
        ("old-name", "role/old-name-dev-copy", "role/new-name-dev-copy"),
        ("old-name", "etl-dev very-old-name-dev old_name", None),
    ],
)
def test_rename_prefixes_changes_whole_names_only(
    current: str, text: str, expected: str | None
) -> None:
    found = tool.rename_prefixes(text, current, "new-name", ["dev", "prod"])

    assert found == (text if expected is None else expected)


def test_init_renames_what_is_on_aws_and_the_project(clone: Path) -> None:
    local = load_settings("local", root=clone)

    assert _init(clone, "blue-whale", "--region", "eu-central-1") == 0

    for environment in set(list_environments(clone)) - {"local"}:
        settings = load_settings(environment, root=clone)
        prefix = f"blue-whale-{environment}"
        assert settings.region == "eu-central-1"
        assert settings.name == prefix
        assert settings.buckets.raw == f"{prefix}-raw"
        assert settings.glue.database == f"blue_whale_{environment}"
        assert settings.warehouse.copy_role_arn.endswith(f":role/{prefix}-redshift-copy")
        assert all(each.startswith(prefix) for each in settings.buckets.names.values())
    assert load_settings("local", root=clone) == local
    assert (clone / "README.md").read_text("utf-8").startswith("# blue-whale\n")
    assert 'name = "blue-whale"\n' in (clone / "pyproject.toml").read_text("utf-8")
    assert "\nname: blue-whale\n" in (clone / "prefect.yaml").read_text("utf-8")


def test_init_keeps_comments_and_leaves_one_commit(clone: Path) -> None:
    before = (clone / "config" / "dev.yml").read_text("utf-8")

    assert _init(clone, "blue-whale") == 0

    after = (clone / "config" / "dev.yml").read_text("utf-8")
    assert after.count("#") == before.count("#")
    assert len(after.splitlines()) == len(before.splitlines())
    assert load_settings("dev", root=clone).region == load_settings("dev").region
    assert _git(clone, "status", "--porcelain") == ""
    assert _git(clone, "log", "--format=%s").splitlines() == [
        "Name the project blue-whale",
        "template",
    ]


def test_init_again_changes_nothing_and_another_name_renames(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _init(clone, "blue-whale", "--region", "eu-central-1") == 0
    head = _git(clone, "rev-parse", "HEAD")
    capsys.readouterr()

    assert _init(clone, "blue-whale", "--region", "eu-central-1") == 0

    assert "nothing to change" in capsys.readouterr().out
    assert _git(clone, "rev-parse", "HEAD") == head

    assert _init(clone, "red-panda") == 0
    assert "whale" not in _git(clone, "show", "HEAD:config/dev.yml", "HEAD:README.md")
    assert load_settings("prod", root=clone).buckets.raw == "red-panda-prod-raw"
    assert _git(clone, "status", "--porcelain") == ""


def test_init_puts_the_region_into_the_commands_of_pages(clone: Path) -> None:
    pages = [clone / "docs" / "deployments.md", clone / "terraform" / "README.md"]
    before = [page.read_text("utf-8") for page in pages]
    assert _init(clone, "blue-whale", "--region", "us-gov-west-1") == 0

    after = [page.read_text("utf-8") for page in pages]
    assert all("eu-west-1" in text for text in before)
    assert not any("eu-west-1" in text for text in after)
    assert after[0].count("--region us-gov-west-1 ") == 2
    assert "region=us-gov-west-1 -var bucket=terraform-state-000000000000-us-gov" in after[1]
    assert "`terraform-state-<account id>-<region>`" in after[1]

    assert _init(clone, "blue-whale", "--region", "eu-central-1") == 0
    assert "-var bucket=terraform-state-000000000000-eu-central-1\n" in pages[1].read_text("utf-8")


def test_init_other_partitions_have_arns_of_their_own(clone: Path) -> None:
    assert _init(clone, "blue-whale", "--region", "cn-north-1") == 0
    assert load_settings("dev", root=clone).warehouse.copy_role_arn.startswith("arn:aws-cn:iam")

    assert _init(clone, "blue-whale", "--region", "us-gov-west-1") == 0
    assert load_settings("dev", root=clone).warehouse.copy_role_arn.startswith("arn:aws-us-gov:")


@pytest.mark.parametrize(
    "name, region, words",
    [
        ("Acme", None, "lower-case"),
        ("acme_sales", None, "lower-case"),
        ("acme--sales", None, "lower-case"),
        ("-acme", None, "lower-case"),
        ("acme.sales", None, "lower-case"),
        ("1acme", None, "lower-case"),
        ("ac", None, "has 2 characters"),
        ("a" * 36, None, "has 36 characters, 3 to 35"),
        ("xn--acme", None, "lower-case"),
        ("sthree-acme", None, "AWS or the template"),
        ("prefect-aws-etl", None, "AWS or the template"),
        ("acme", "eu-west-9", 'no region of AWS, did you mean "eu-west-'),
        ("acme", "", "no region of AWS"),
    ],
)
def test_init_refused_changes_nothing(
    clone: Path, capsys: pytest.CaptureFixture[str], name: str, region: str | None, words: str
) -> None:
    options = () if region is None else ("--region", region)

    assert tool.main([f"--name={name}", *options], root=clone) == 2

    assert words in capsys.readouterr().err
    assert _git(clone, "status", "--porcelain") == ""


def test_init_refuses_files_with_changes_of_their_own(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (clone / "config" / "dev.yml").open("a").write("# mine\n")
    (clone / "unrelated.txt").touch()

    assert _init(clone, "blue-whale") == 2

    assert "config/dev.yml has changes" in capsys.readouterr().err
    assert load_settings("prod", root=clone).name == load_settings("prod").name


def test_init_without_git_or_an_author_leaves_the_changes(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    for name in ("user.name", "user.email"):
        _git(clone, "config", "--unset", name)
    _git(clone, "config", "user.useConfigOnly", "true")

    assert _init(clone, "blue-whale") == 0

    assert 'git commit --all --message "Name the project blue-whale"' in capsys.readouterr().out
    assert load_settings("dev", root=clone).name == "blue-whale-dev"

    shutil.rmtree(clone / ".git")
    assert _init(clone, "red-panda") == 0
    assert load_settings("dev", root=clone).name == "red-panda-dev"
