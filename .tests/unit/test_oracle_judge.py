"""The judge and the tests' oracle read docs/contracts.md each by itself, and agree on records."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from support.contracts import StubSettings
from support.oracle import judge_day
from support.oracle_contracts import SPECIFICATIONS
from support.oracle_days import make_history
from support.oracle_documents import write_contract
from support.oracle_found import as_found
from support.oracle_specification import UNKNOWN, Record, Specification

from etl.contracts import load_contract
from etl.judge import Accepted, Judge, Rejected, Verdict, reason_label
from etl.model import Contract

NAMES = [name for name in SPECIFICATIONS if name.endswith("_replace")]  # the mode is no matter here


def contract_of(specification: Specification, folder: Path) -> Contract:
    name = specification.name
    write_contract(specification, folder, dataset=name, schema="public", source=folder)
    return load_contract(name, settings=StubSettings(), folder=folder)


@pytest.mark.parametrize("name", NAMES)
def test_judge_and_oracle_agree_on_every_generated_record(name: str, tmp_path: Path) -> None:
    specification = SPECIFICATIONS[name]
    contract = contract_of(specification, tmp_path)
    seen = set()
    for step in make_history(specification, runs=12, branches=3, seed=20260105):
        judge = Judge(contract, step.run_date)
        for record in step.records:
            line = record.line(specification.header)
            if line is None:
                continue  # wrapped by the source; .tests/faults/test_oracle.py sends those too
            expected = expect(specification, record, step.run_date)
            assert (specification.name, line, told(judge(line), specification)) == (
                specification.name,
                line,
                expected,
            )
            seen.add(expected[0])
    assert seen >= {"accepted", "rejected"}


def expect(specification: Specification, record: Record, run_date: date) -> tuple[str, Any]:
    """What the oracle says of a record."""
    day = judge_day(specification, [record], run_date)
    if day.rows:
        return "accepted", day.rows[0]
    if day.filtered:
        return "filtered", None
    ((_, about),) = day.rejected
    return "rejected", about


def told(verdict: Verdict, specification: Specification) -> tuple[str, Any]:
    """A verdict in the oracle's words."""
    if isinstance(verdict, Accepted):
        row = dict(verdict.row)
        if UNKNOWN.name in row:
            row[UNKNOWN.name] = as_found(UNKNOWN.type, "", row[UNKNOWN.name])
        return "accepted", row
    if not isinstance(verdict, Rejected):
        return "filtered", None
    about = reason_label(verdict.reasons[0])
    of_table = about.removeprefix("rule ") in specification.rules
    return "rejected", "rule" if about.startswith("rule ") and not of_table else about
