"""Unit tests meet no cloud: whatever the shell or another test has set leads nowhere."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def no_cloud() -> Iterator[None]:
    """Take away what leads boto3 and the settings elsewhere; moto wants some credentials.

    For a module, so that fixtures of a module are made without it too.
    """
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in list(os.environ):
            if name.startswith(("AWS_", "ETL_", "PG")):
                monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield


@pytest.fixture(autouse=True)
def environment_kept() -> Iterator[None]:
    """What a test puts into the environment is gone after it."""
    before = dict(os.environ)
    yield
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)
