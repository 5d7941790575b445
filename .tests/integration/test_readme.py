"""Every command that the README shows, run as a reader would run them: one shell, top to bottom."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# They would run this test again, or change the repository; that they exist is checked instead.
ONLY_NAMED = ("make test", "make check", "make dataset ", "make run DATASET=invoices")
# It stays, in a terminal of its own; what it prints when the other may go on.
STAYING, READY = "make server", "Ctrl-C ends it"
# Clients that a reader may or may not have.
OPTIONAL = ("psql", "aws")


def commands() -> list[str]:
    """The lines of the README's bash blocks, without comments."""
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    lines = [re.sub(r"\s+#.*", "", line).strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


@pytest.fixture(scope="module")
def transcript(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each command printed on standard output."""
    if not (ROOT / ".venv" / "dev.stamp").exists():
        pytest.skip("the README's commands want the .venv that `make test` installs")
    folder = tmp_path_factory.mktemp("readme")
    script = ["set -e"]
    for number, command in enumerate(commands()):
        if command.split()[0] in OPTIONAL and not shutil.which(command.split()[0]):
            continue
        # Not in a subshell: `eval` and `.` change this one.
        script += [f"exec > {folder}/{number}", f"echo {number} > {folder}/last"]
        if command == STAYING:
            script += [
                f"{command} & staying=$!",
                "trap 'kill $staying; wait $staying || true' EXIT",
                f"until grep -q '{READY}' {folder}/{number}; do kill -0 $staying; sleep 0.5; done",
            ]
        elif command.startswith(ONLY_NAMED):
            script.append(command.replace("make", "make -n", 1))
        else:
            script.append(command)
    # A reader's shell has neither a cloud nor, as under `make test`, another make around it.
    foreign = ("AWS_", "ETL_", "PG", "PREFECT_", "MAKE", "MFLAGS")
    env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    env |= {"LOCAL_CLOUD_HOME": str(folder / "home")}
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)], cwd=ROOT, env=env, text=True, stderr=subprocess.PIPE
    )
    last = commands()[int((folder / "last").read_text())]
    assert done.returncode == 0, f"{last} failed:\n{done.stderr[-3000:]}"
    return {
        command: (folder / str(number)).read_text()
        for number, command in enumerate(commands())
        if (folder / str(number)).exists()
    }


def test_readme_opens_with_the_two_commands() -> None:
    assert commands()[:2] == ["make run", "make test"]


@pytest.mark.timeout(1800)  # a dozen runs, on a machine that may have little to spare
def test_readme_commands_all_succeed(transcript: dict[str, str]) -> None:
    assert transcript.keys() >= {each for each in commands() if each.split()[0] not in OPTIONAL}


def test_readme_run_shows_where_every_row_went(transcript: dict[str, str]) -> None:
    assert "2,000 extracted = 1,949 loaded + 31 quarantined + 20 deduplicated" in (
        transcript["make run"]
    )


def test_readme_query_shows_rows(transcript: dict[str, str]) -> None:
    assert "ORD-20260101-" in transcript["python -m etl query inspect --param run_date=2026-01-01"]


def test_readme_psql_sees_both_days(transcript: dict[str, str]) -> None:
    answers = [text for command, text in transcript.items() if command.startswith("psql")]
    if not answers:
        pytest.skip("psql is not installed")
    assert "delivered" in answers[0]


def test_readme_names_only_what_exists() -> None:
    text = (ROOT / "README.md").read_text()
    named = set(re.findall(r"`((?:\.?/?[\w.-]+/)+[\w.*-]*)`", text))
    missing = [
        each
        for each in named
        if not each.startswith((".local-cloud", "build/")) and not list(ROOT.glob(each.rstrip("/")))
    ]
    assert not missing


def test_readme_every_folder_of_src_and_config_is_reachable() -> None:
    text = (ROOT / "README.md").read_text()
    for folder in ("src/aws/s3", "src/aws/glue", "src/aws/lambda_", "src/aws/redshift"):
        assert f"`{folder}/`" in text
