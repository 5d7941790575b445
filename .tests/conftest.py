"""Options of the whole test suite."""

from __future__ import annotations

import os
import signal
from typing import Any

import hypothesis
import pytest
from rich.console import Console
from support import faults_table

pytest_plugins = ("support.cloud_fixtures",)

# The modules that take longest, in this order: begun late, one would keep a worker busy at the end
# while the other has nothing left to do.
_LONGEST = (
    "test_terraform",
    "test_readme",
    "test_full_pipeline",
    "test_bad_input",
    "test_least_privilege",
    "test_deployments",
    "test_catalog_cloud",
    "test_app_logs",
    "test_customers",
    "test_processor",
    "test_full_pipeline_stopped",
    "test_heavy_batch",
    "test_backfill",
    "test_transform",
    "test_cloud_lifecycle",
    "test_demo_tour",
    "test_glue_executor",
    "test_spark_judged",
    "test_load",
)


_FAULTS = pytest.StashKey[list[faults_table.Row]]()


def pytest_configure(config: pytest.Config) -> None:
    """Let what tests start behave as from a terminal, and spend little on short Spark jobs."""
    if config.option.verbose >= 0 and not hasattr(config, "workerinput"):
        config.pluginmanager.register(faults_table.Progress(config))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a script's `&` has it ignored
    os.environ.setdefault("ETL_TRANSFORM__ENGINE", "spark")  # what is small here is large elsewhere
    os.environ.setdefault("ETL_DATASETS", "null")  # of the examples, whichever are deployed
    os.environ.setdefault("LOCAL_CLOUD_GLUE_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
    chosen = hypothesis.settings.get_profile(hypothesis.settings.get_current_profile_name())
    hypothesis.settings.register_profile("untimed", chosen, deadline=None)  # machines are shared
    hypothesis.settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """--live names the environment whose real AWS account the live tests may use."""
    parser.addoption("--live", metavar="ENV", help="run the live tests in this environment")
    parser.addoption(
        "--faults",
        choices=("sample", "all"),
        default="sample",
        help="how many faults the tests of .tests/faults make",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip live tests unless they are asked for, and begin with what takes longest."""
    items.sort(key=_turn)
    if config.getoption("--live") is None:
        skip = pytest.mark.skip(reason="talks to a real AWS account: --live ENV")
        for item in items:
            if "live" in item.keywords:
                item.add_marker(skip)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Keep what every fault has cost; with xdist, it comes from the workers' reports."""
    reports = (each for found in terminalreporter.stats.values() for each in found)
    config.stash[_FAULTS] = list(faults_table.rows_of(reports))


def pytest_unconfigure(config: pytest.Config) -> None:
    """End with the faults' table: its sum is the last line."""
    if rows := config.stash.get(_FAULTS, []):
        faults_table.print_table(rows, Console(width=160))


def _turn(item: pytest.Item) -> int:
    if item.path.stem in _LONGEST:
        return _LONGEST.index(item.path.stem)
    return len(_LONGEST) + (item.path.parent.name == "unit")
