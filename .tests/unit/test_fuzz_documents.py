"""Contracts and settings with something wrong in them: refused in words, or usable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.contracts import StubSettings
from support.fuzz import changed, damaged

from etl.contracts import CONTRACTS_FOLDER, load_contract
from etl.errors import ContractError, SettingsError
from etl.model import Contract
from etl.root import ROOT
from etl.settings import load_settings

TEXTS = {
    name: (CONTRACTS_FOLDER / f"{name}.odcs.yaml").read_bytes()
    for name in ("airports", "app_logs", "customers", "orders")
}
DOCUMENTS = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
CONFIG = (ROOT / "config" / "dev.yml").read_bytes()
KEPT = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place with config/."""
    (tmp_path / "config").mkdir()
    return tmp_path


@KEPT
@given(
    st.sampled_from(sorted(DOCUMENTS)).flatmap(
        lambda n: st.tuples(st.just(n), changed(DOCUMENTS[n]))
    )
)
def test_changed_contract_is_refused_or_whole(tmp_path: Path, found: tuple[str, Any]) -> None:
    name, document = found
    check(tmp_path, name, yaml.safe_dump(document, sort_keys=False).encode())


@KEPT
@example("orders", b"[" * 5000)
@example("orders", b"a: &a [*a]")
@example("orders", b"apiVersion: &a {b: *a}")
@given(st.just("airports"), damaged(st.just(TEXTS["airports"])))
def test_damaged_contract_is_refused_or_whole(tmp_path: Path, name: str, body: bytes) -> None:
    check(tmp_path, name, body)


def check(folder: Path, name: str, body: bytes) -> None:
    """That a contract's file is refused with a fix, or can be stored."""
    (folder / f"{name}.odcs.yaml").write_bytes(body)
    try:
        contract = load_contract(name, settings=StubSettings(), folder=folder)
    except ContractError as error:
        assert name in str(error) and "fix:" in str(error)
        return
    assert Contract.from_json(contract.to_json()) == contract


@KEPT
@example(b"[" * 5000)
@example(b"a: &a [*a]")
@given(
    damaged(st.just(CONFIG))
    | changed(yaml.safe_load(CONFIG)).map(lambda it: yaml.safe_dump(it).encode())
)
def test_damaged_settings_are_refused_or_used(folder: Path, body: bytes) -> None:
    (folder / "config" / "dev.yml").write_bytes(body)
    try:
        used = load_settings("dev", root=folder)
    except SettingsError as error:
        assert "dev.yml" in str(error) and error.fix
        return
    assert used.environment == "dev"
