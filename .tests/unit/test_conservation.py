"""The sum that is made before the warehouse or the catalogue is touched."""

from __future__ import annotations

import dataclasses
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from etl import steps
from etl.batch import loading
from etl.conservation import check_conservation
from etl.errors import ConservationError
from etl.manifest import Manifest, RawObject
from etl.report import StageReport
from etl.run import Done
from etl.transform import TransformResult, TransformRows
from etl.validation.step import ValidationResult

MANIFEST = Manifest(
    dataset="things",
    run_date=date(2026, 1, 1),
    source="tests",
    encoding="json",
    objects=(RawObject(uri="s3://test-raw/x", bytes=1, sha256="0", rows=10),),
    rows=10,
    bytes=1,
    contract_uri="s3://test-artifacts/contract.json",
    rejected=2,
)


def transformed(**changes: int) -> TransformResult:
    counts = {"read": 10, "valid": 6, "quarantined": 2, "deduplicated": 1, "filtered": 1}
    return TransformResult(
        run_id="jr_1",
        contract_uri=MANIFEST.contract_uri,
        execution_seconds=1,
        rows=TransformRows(**counts | changes),
        files=(),
        reasons={},
        metrics={},
    )


def test_sum_that_holds_counts_what_raw_refused_too() -> None:
    rows = check_conservation(MANIFEST, transformed(), 6)
    assert (rows.extracted, rows.rejected, rows.loaded) == (12, 2, 6)
    assert rows.equation == (
        "12 extracted = 6 loaded + 2 quarantined + 1 deduplicated + 1 filtered + 2 rejected"
    )


@pytest.mark.parametrize(
    ("changes", "loaded", "words"),
    [
        ({}, 5, "1 are missing"),
        ({}, 7, "1 appeared"),
        ({"quarantined": 1}, 6, "1 are missing"),
        ({"deduplicated": 4}, 6, "3 appeared"),
    ],
)
def test_sum_that_does_not_hold_is_refused(
    changes: dict[str, int], loaded: int, words: str
) -> None:
    with pytest.raises(ConservationError, match=f"things 2026-01-01 does not add up: .*{words}"):
        check_conservation(MANIFEST, transformed(**changes), loaded)


@pytest.mark.parametrize("changes", [{"rows": 11}, {"objects": ()}])
def test_manifest_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    manifest = dataclasses.replace(MANIFEST, **changes)
    with pytest.raises(ConservationError, match="its manifest says"):
        check_conservation(manifest, transformed(), 6)


def test_flow_touches_neither_warehouse_nor_catalogue_where_it_does_not_hold() -> None:
    stage = StageReport(name="any", seconds=0, rows=0, bytes=0, cost_usd=0)
    extracted, counted = Done(result=MANIFEST, stage=stage), Done(
        result=transformed(quarantined=1), stage=stage
    )
    validated = Done(result=ValidationResult(rows=6, bytes=1, checks=()), stage=stage)
    run: Any = None  # whatever asked it for a client would fail otherwise
    with pytest.raises(ConservationError):
        steps.load(run, extracted, counted, validated)
    with pytest.raises(ConservationError):
        steps.publish(run, extracted, counted, validated, None)


def test_state_machine_plans_no_load_where_it_does_not_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "read_transform", lambda request: transformed(quarantined=1))
    given = {"validated": {"rows": 6, "bytes": 1, "checks": []}}
    request: Any = SimpleNamespace(run=None, given=given, manifest=lambda: MANIFEST)
    with pytest.raises(ConservationError, match="1 are missing"):
        loading.prepare_load(request)
