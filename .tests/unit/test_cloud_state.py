"""What the embedded cloud keeps when the disk is full: nothing half, and all of it afterwards."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_cloud.daemon import Log
from local_cloud.errors import is_full_disk, unwritable
from local_cloud.home import Home, asked_port
from local_cloud.object_files import ObjectFiles
from local_cloud.state import Journal, Kind

LARGE = b"x" * 4_000_000


class Things:
    """A kind of state: a dictionary."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}

    def kind(self) -> Kind:
        return Kind(lambda _, name: self.contents.get(name), lambda *_: None)


@pytest.fixture
def things() -> Things:
    return Things()


@pytest.fixture
def journal(tmp_path: Path, things: Things) -> Iterator[Journal]:
    made = Journal(tmp_path / "state.sqlite")
    made.kinds |= {"backend": things.kind(), "object": things.kind()}
    yield made
    made._database.close()


def fill_disk(journal: Journal, *, pages: int) -> None:
    journal._database.execute(f"PRAGMA max_page_count = {pages}")


def kept(folder: Path) -> dict[str, bytes]:
    with sqlite3.connect(folder / "state.sqlite") as database:
        rows = database.execute("SELECT name, content FROM state WHERE kind <> 'writer'")
        return dict(rows.fetchall())


@pytest.mark.parametrize("kind", ["backend", "object"])
def test_rows_that_found_no_room_are_kept_once_there_is_some(
    journal: Journal, things: Things, tmp_path: Path, kind: str
) -> None:
    rows = {(kind, "", "small"), (kind, "", "large")}
    things.contents = {"small": b"1", "large": b"1"}
    journal.save(rows)
    things.contents = {"small": b"2", "large": LARGE}
    fill_disk(journal, pages=20)
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError) as failed:
            journal.save(rows)
        assert is_full_disk(failed.value)
        assert kept(tmp_path) == {"small": b"1", "large": b"1"}
    fill_disk(journal, pages=100_000)
    journal.save_later()
    assert kept(tmp_path) == things.contents


def test_what_is_saved_later_is_not_forgotten_by_a_failure(
    journal: Journal, things: Things, tmp_path: Path
) -> None:
    things.contents = {"large": LARGE}
    fill_disk(journal, pages=20)
    journal.touch("object", "", "large")
    with pytest.raises(sqlite3.OperationalError):
        journal.save_later()
    fill_disk(journal, pages=100_000)
    journal.save_later()
    assert kept(tmp_path) == things.contents


def test_object_that_cannot_be_written_whole_leaves_no_file(tmp_path: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError):
        ObjectFiles(tmp_path).write(chunks())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_full_disk_is_told_apart_and_has_its_fix(tmp_path: Path) -> None:
    full = unwritable(tmp_path, OSError(errno.ENOSPC, "No space left on device"))
    assert "the disk is full" in str(full) and "fix: free space on it" in str(full)
    denied = unwritable(tmp_path, PermissionError(errno.EACCES, "Permission denied"))
    assert "Permission denied" in str(denied) and "fix: set LOCAL_CLOUD_HOME" in str(denied)
    assert not is_full_disk(sqlite3.OperationalError("database is locked"))


def test_daemon_that_takes_over_removes_what_a_killed_one_had_not_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_CLOUD_HOME", str(tmp_path))
    home = Home.open()
    home.write("ports", {"aws": 1})
    (tmp_path / "ports.json.4711").write_text('{"aws"')
    (tmp_path / "unfinished-x").mkdir()
    with home.hold(timeout_seconds=1):
        assert {path.name for path in tmp_path.iterdir()} >= {"ports.json", "lock"}
        assert list(tmp_path.glob("*.json.*")) + list(tmp_path.glob("unfinished-*")) == []


@pytest.mark.parametrize("asked", ["x", "-1", "0", "65536", "1.5"])
def test_what_is_no_port_is_refused_with_the_fix(
    asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_CLOUD_PORT", asked)
    with pytest.raises(Exception, match=f'LOCAL_CLOUD_PORT is "{asked}"\n  fix: set it to a port'):
        asked_port("LOCAL_CLOUD_PORT")
    monkeypatch.setenv("LOCAL_CLOUD_PORT", "4566")
    assert asked_port("LOCAL_CLOUD_PORT") == 4566


def test_log_that_cannot_be_written_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:  # whatever is written there finds no room
        monkeypatch.setattr("local_cloud.daemon._LOG", full.fileno())
        print("lost", file=Log(), flush=True)
