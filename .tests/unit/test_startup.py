"""What a command imports before it knows what it is to do: nothing that takes long."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SLOW = ("prefect", "boto3", "botocore", "pydantic", "pyarrow", "duckdb", "rich", "psycopg2", "moto")
COMMANDS = ("catalog", "contract-diff", "doctor", "infrastructure", "ledger", "propose")
COMMANDS += ("publish-contracts", "query", "redrive", "replay")
RUN = """
import json, runpy, sys
how, name, *sys.argv[1:] = sys.argv[1:]
sys.argv[0] = name
try:
    runpy.run_path(name, run_name="__main__") if how == "path" else runpy.run_module(
        name, run_name="__main__"
    )
except SystemExit as ended:
    print(json.dumps([ended.code, sorted({each.partition(".")[0] for each in sys.modules})]))
"""


def imported(how: str, name: str, *arguments: str) -> tuple[int, set[str]]:
    """The exit code, and the packages that were imported meanwhile."""
    words = [sys.executable, "-c", RUN, how, name, *arguments]
    environ = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'flows'}"}
    done = subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True, check=True)
    code, modules = json.loads(done.stdout.splitlines()[-1])
    return code, set(modules)


@pytest.mark.parametrize(
    "script", ["archive.py", "backfill.py", "full_pipeline.py", "heavy_batch.py", "stream_to_s3.py"]
)
def test_help_of_a_flow_imports_nothing_slow(script: str) -> None:
    code, modules = imported("path", f"flows/{script}", "--help")
    assert code == 0
    assert "argparse" in modules and not modules & set(SLOW)


@pytest.mark.parametrize("command", [[], *([each] for each in COMMANDS)])
def test_help_of_a_command_imports_nothing_slow(command: list[str]) -> None:
    code, modules = imported("module", "etl", *command, "--help")
    assert code == 0
    assert "argparse" in modules and not modules & set(SLOW)


def test_mistake_in_a_run_date_is_told_before_prefect_is_imported() -> None:
    code, modules = imported("path", "flows/full_pipeline.py", "--run-date", "2026-13-01")
    assert code == 2
    assert "prefect" not in modules


@pytest.mark.parametrize(
    "module",
    [
        "duckdb",  # `cli.run_command` freezes what was imported, and its binding calls that a leak
        "google.protobuf",
        "pandas",
    ],
)
def test_flows_import_what_only_some_runs_need_once_a_run_does(module: str) -> None:
    script = f"import full_pipeline, json, sys; print(json.dumps({module!r} in sys.modules))"
    environ = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'flows'}"}
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) is False
