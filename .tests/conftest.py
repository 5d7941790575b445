"""Options of the whole test suite."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """--live names the environment whose real AWS account the live tests may use."""
    parser.addoption("--live", metavar="ENV", help="run the live tests in this environment")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip live tests unless they are asked for."""
    if config.getoption("--live") is None:
        skip = pytest.mark.skip(reason="talks to a real AWS account: --live ENV")
        for item in items:
            if "live" in item.keywords:
                item.add_marker(skip)
