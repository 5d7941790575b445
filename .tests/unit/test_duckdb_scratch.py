"""What a transform leaves on its machine's disk: nothing, whatever happens to it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from etl.duckdb.scratch import scratch_folder

AT_WORK = """
import sys, time
from etl.duckdb.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "rows").write_text("of people")
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    return tmp_path


def start() -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen([sys.executable, "-c", AT_WORK], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    return process, Path(process.stdout.readline().strip())


def test_folder_is_gone_when_its_block_ends(temporary: Path) -> None:
    with scratch_folder() as folder:
        (folder / "rows").write_text("of people")
        assert folder.stat().st_mode & 0o777 == 0o700
    with pytest.raises(KeyError), scratch_folder() as folder:
        raise KeyError
    assert list(temporary.iterdir()) == []


def test_folder_of_a_process_that_was_killed_goes_with_the_next(temporary: Path) -> None:
    killed, left = start()
    killed.kill()
    killed.communicate()
    assert (left / "rows").exists()

    with scratch_folder() as folder:
        assert sorted(temporary.iterdir()) == [folder, folder.with_suffix(".lock")]
    assert list(temporary.iterdir()) == []


def test_folder_of_a_process_at_work_stays(temporary: Path) -> None:
    other, theirs = start()
    try:
        with scratch_folder() as folder:
            assert folder != theirs
        assert (theirs / "rows").read_text() == "of people"
    finally:
        other.kill()
        other.communicate()
