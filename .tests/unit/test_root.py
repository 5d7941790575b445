"""The project's folders are found in a checkout and in a function's archive, which has no src/."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from etl.named_queries import list_queries
from etl.root import ROOT

SCRIPT = "from etl.named_queries import list_queries; print(*list_queries())"


def test_queries_are_found_where_the_modules_lie_at_the_top(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "athena", tmp_path / "athena")
    shutil.copytree(ROOT / "src" / "etl", tmp_path / "etl")
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, '{tmp_path}'); {SCRIPT}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == list_queries()
    assert "row_count" in list_queries()
