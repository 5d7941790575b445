"""What every flow sets before Prefect is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FLOWS = Path(__file__).resolve().parents[2] / "flows"
SHOW = "import _bootstrap, json, os; print(json.dumps(dict(os.environ)))"


def environ_after_import(**given: str) -> dict[str, str]:
    ours = ("PREFECT_", "NO_PROXY", "no_proxy")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        [sys.executable, "-c", SHOW], cwd=FLOWS, env=kept | given, capture_output=True, check=True
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_bootstrap_turns_telemetry_off_unless_the_user_wants_it() -> None:
    name = "PREFECT_SERVER_ANALYTICS_ENABLED"
    assert environ_after_import()[name] == "false"
    assert environ_after_import(**{name: "true"})[name] == "true"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "127.0.0.1,localhost"),
        ({"NO_PROXY": "example.com,localhost"}, "example.com,localhost,127.0.0.1"),
        ({"no_proxy": "example.com"}, "example.com,127.0.0.1,localhost"),
    ],
)
def test_bootstrap_keeps_proxies_away_from_this_machine(
    given: dict[str, str], expected: str
) -> None:
    environ = environ_after_import(**given)
    assert environ["NO_PROXY"] == environ["no_proxy"] == expected


def test_bootstrap_leaves_no_proxy_for_anything_alone() -> None:
    environ = environ_after_import(NO_PROXY="*")
    assert environ["NO_PROXY"] == "*" and "no_proxy" not in environ
