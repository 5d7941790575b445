"""The embedded cloud's awsglue: arguments as Glue resolves them, bookmarks that move at commit."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SHIM = Path(__file__).resolve().parents[2] / "src/local_cloud/glue/worker/shim"


@pytest.fixture
def awsglue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports a module of the shim: awsglue("utils")."""
    monkeypatch.syspath_prepend(str(SHIM))
    yield lambda name: importlib.import_module(f"awsglue.{name}")
    for name in [name for name in sys.modules if name.split(".")[0] == "awsglue"]:
        del sys.modules[name]


def test_options_both_forms_are_read_and_others_ignored(awsglue: Any) -> None:
    argv = ["x.py", "--other", "1", "--run-date", "2026-01-01", "--JOB_NAME=j", "--JOB_RUN_ID", "r"]

    options = awsglue("utils").getResolvedOptions(argv, ["JOB_NAME", "run-date"])

    assert options["JOB_NAME"] == "j" and options["run_date"] == "2026-01-01"
    assert options["JOB_RUN_ID"] == "r" and "other" not in options
    assert options["job_bookmark_option"] == "job-bookmark-disable"


def test_options_temporary_directory_has_two_names(awsglue: Any) -> None:
    options = awsglue("utils").getResolvedOptions(["x", "--TempDir", "s3://t"], ["TempDir"])

    assert options["TempDir"] == options["RedshiftTempDir"] == "s3://t"


def test_options_missing_one_is_an_error_that_names_it(awsglue: Any) -> None:
    utils = awsglue("utils")

    with pytest.raises(utils.GlueArgumentError, match="--run_date"):
        utils.getResolvedOptions(["x.py"], ["run_date"])


def test_options_reserved_name_is_refused(awsglue: Any) -> None:
    with pytest.raises(RuntimeError, match="reserved"):
        awsglue("utils").getResolvedOptions(["x.py"], ["JOB_RUN_ID"])


def test_bookmark_without_commit_reads_again(awsglue: Any, tmp_path: Path) -> None:
    bookmark = awsglue("bookmarks").Bookmark(tmp_path / "b" / "j.json", "job-bookmark-enable")
    assert bookmark.unread("c", {"a": "1"}) == ["a"]

    again = awsglue("bookmarks").Bookmark(tmp_path / "b" / "j.json", "job-bookmark-enable")

    assert again.unread("c", {"a": "1"}) == ["a"]


def test_bookmark_after_commit_reads_what_is_new_or_changed(awsglue: Any, tmp_path: Path) -> None:
    file, make = tmp_path / "j.json", awsglue("bookmarks").Bookmark
    bookmark = make(file, "job-bookmark-enable")
    bookmark.unread("c", {"a": "1", "b": "1"})
    bookmark.commit("r")

    unread = make(file, "job-bookmark-enable").unread("c", {"a": "1", "b": "2", "n": "1"})

    assert unread == ["b", "n"]
    assert make(file, "job-bookmark-enable").unread("other", {"a": "1"}) == ["a"]
    assert make(file, "job-bookmark-enable").unread("", {"a": "1"}) == ["a"]


@pytest.mark.parametrize(
    ("option", "seen"), [("job-bookmark-pause", []), ("job-bookmark-disable", ["a"])]
)
def test_bookmark_paused_or_disabled_does_not_move(
    awsglue: Any, tmp_path: Path, option: str, seen: list[str]
) -> None:
    file, make = tmp_path / "j.json", awsglue("bookmarks").Bookmark
    first = make(file, "job-bookmark-enable")
    first.unread("c", {"a": "1"})
    first.commit("r")
    before = file.read_text()

    other = make(file, option)

    assert other.unread("c", {"a": "1"}) == seen
    other.commit("r2")
    assert file.read_text() == before
