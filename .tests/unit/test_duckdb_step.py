"""The transform in the flow's process, as a step of a run."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from support.contracts import make_column, make_contract

from etl.duckdb import step
from etl.manifest import Manifest
from etl.model import Type
from etl.run import Run
from etl.settings import load_settings

CONTRACT = make_contract(make_column("id", Type(kind="integer")))
MANIFEST = Manifest(
    dataset="things",
    run_date=date(2026, 1, 1),
    source="tests",
    encoding="json",
    objects=(),
    rows=0,
    bytes=0,
    contract_uri="s3://tests/contract.json",
)


def test_dates_of_a_process_are_transformed_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_work, most = threading.Semaphore(1), []

    def transform(*_: Any, **__: Any) -> dict[str, Any]:
        most.append(at_work.acquire(blocking=False))
        time.sleep(0.02)
        at_work.release()
        return {"drift": {}}

    monkeypatch.setattr(step, "transform", transform)
    monkeypatch.setattr(step, "read_result", lambda *_, **__: None)
    monkeypatch.setattr(Run, "client", lambda *_, **__: None)
    monkeypatch.setattr(Run, "write", lambda *_: None)
    settings = load_settings("local")
    runs = [
        Run(run_id=str(day), run_date=date(2026, 1, day), contract=CONTRACT, settings=settings)
        for day in range(1, 5)
    ]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda run: step.transform_here(run, MANIFEST), runs))

    assert most == [True] * 4
