"""Unit tests meet no cloud: whatever the shell or another test has set leads nowhere."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def no_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what leads boto3 and the settings elsewhere; moto wants some credentials."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "ETL_", "PG")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
