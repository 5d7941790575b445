"""Which changes of a contract are compatible, and which ask for a major version."""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.contracts import edited_contract, find_property, orders_contract, write_contract

from etl.contract_diff.command import run as run_diff
from etl.contract_diff.compare import compare
from etl.errors import UsageError

Document = dict[str, Any]
Edit = Callable[[Document], None]


def _set(name: str, **values: Any) -> Edit:
    def edit(document: Document) -> None:
        find_property(document, name).update(values)

    return edit


def _table(key: str, value: Any) -> Edit:
    def edit(document: Document) -> None:
        document["schema"][0][key] = value

    return edit


def _custom(name: str, value: Any) -> Edit:
    def edit(document: Document) -> None:
        found = document["schema"][0]["customProperties"]
        found[:] = [each for each in found if each["property"] != name]
        found += [{"property": name, "value": value}] if value is not None else []

    return edit


def _server(name: str, **values: Any) -> Edit:
    def edit(document: Document) -> None:
        (server,) = [each for each in document["servers"] if each["server"] == name]
        server.update(values)

    return edit


def _remove(name: str) -> Edit:
    def edit(document: Document) -> None:
        properties = document["schema"][0]["properties"]
        properties[:] = [each for each in properties if each["name"] != name]

    return edit


def _add(**definition: Any) -> Edit:
    def edit(document: Document) -> None:
        properties = document["schema"][0]["properties"]
        properties.insert(len(properties) - 1, {"logicalType": "string", **definition})

    return edit


@pytest.mark.parametrize(
    "edit, label, what, words",
    [
        (_add(name="x", physicalType="VARCHAR(9)"), "compatible", "column x", "added"),
        (
            _add(name="x", physicalType="VARCHAR(9)", required=True),
            *("breaking", "column x", "required"),
        ),
        (_remove("note"), "breaking", "column note", "removed"),
        (_set("note", physicalName="remarks"), "breaking", "column note", "renamed to remarks"),
        (_set("note", physicalType="VARCHAR(9000)"), "compatible", "column note", "9000"),
        (_set("note", physicalType="VARCHAR(9)"), "breaking", "column note", "VARCHAR(9)"),
        (_set("order_id", physicalType="VARCHAR(90)"), "breaking", "column order_id", "90"),
        (_set("shipping", physicalType="DECIMAL(20, 2)"), "breaking", "column shipping", "20"),
        (_set("note", required=True), "breaking", "column note", "required, was optional"),
        (_set("status", required=False), "breaking", "column status", "optional, was required"),
        (_set("note", description="Other words"), "compatible", "column note", "described"),
        (_set("note", classification="secret"), "compatible", "column note", "→ secret"),
        (
            _set("order_date", logicalTypeOptions={"format": "d.M.yyyy"}),
            *("breaking", "column order_date", "DATE → DATE as d.M.yyyy"),
        ),
        (
            _set("shipping", logicalTypeOptions={"minimum": 1}),
            *("breaking", "rule shipping_minimum", "shipping >= 1"),
        ),
        (
            _set("shipping", logicalTypeOptions={"minimum": -1}),
            *("compatible", "rule shipping_minimum", "shipping >= -1"),
        ),
        (_set("shipping", logicalTypeOptions={}), "compatible", "rule shipping_minimum", "removed"),
        (
            _set("shipping", logicalTypeOptions={"minimum": 0, "maximum": 9}),
            *("breaking", "rule shipping_maximum", "added"),
        ),
        (
            _set("status", enum=[{"value": v} for v in ("placed", "paid")]),
            *("breaking", "rule status_enum", "placed"),
        ),
        (_custom("loadMode", "merge"), "breaking", "loadMode", "replace → merge"),
        (_custom("latestBy", None), "breaking", "latestBy", "updated_at → none"),
        (_custom("filter", "subtotal > 0"), "breaking", "filter", "added"),
        (_custom("quarantineLimitPercent", 10), "breaking", "check quarantined_percent", "10"),
        (_custom("quarantineLimitPercent", 30), "compatible", "check quarantined_percent", "30"),
        (_custom("unknownFields", "stop"), "breaking", "unknownFields", "ignore → stop"),
        (_custom("unknownFields", "keep"), "compatible", "column _unknown_fields", "added"),
        (_custom("driftLimitPercent", 5), "breaking", "driftLimitPercent", "10 → 5"),
        (_custom("driftLimitPercent", 20.5), "compatible", "driftLimitPercent", "10 → 20.5"),
        (_table("physicalName", "orders2"), "breaking", "warehouse table", "orders2"),
        (_server("source", location="https://x.org"), "compatible", "source location", "x.org"),
        (_server("warehouse", schema="elsewhere"), "breaking", "warehouse table", "elsewhere"),
        (
            _server("processed", location="s3://bucket/p/"),
            "breaking",
            "processed",
            "s3://bucket/p/",
        ),
    ],
)
def test_compare_labels_each_change(
    tmp_path: Path, edit: Edit, label: str, what: str, words: str
) -> None:
    found = compare(orders_contract(), edited_contract(tmp_path, edit))

    assert (label, what) in [(each.label, each.what) for each in found]
    assert words in next(each.detail for each in found if each.what == what)
    if label == "compatible":
        assert {each.label for each in found} == {"compatible"}


def test_compare_key_that_changed_is_breaking(tmp_path: Path) -> None:
    def edit(document: Document) -> None:
        find_property(document, "order_id").pop("primaryKey")
        find_property(document, "currency")["primaryKey"] = True
        document["schema"][0]["quality"] = []

    found = compare(orders_contract(), edited_contract(tmp_path, edit))

    assert ("breaking", "primary key") in [(each.label, each.what) for each in found]


def test_compare_nothing_changed_is_nothing() -> None:
    assert compare(orders_contract(), orders_contract(version="9.0.0")) == []


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A clone with two contracts, committed as main."""
    contracts = tmp_path / "config" / "contracts"
    contracts.mkdir(parents=True)
    (tmp_path / "config" / "local.yml").touch()
    for dataset in ("orders", "airports"):
        write_contract(contracts, lambda document: None, dataset=dataset)
    for arguments in (("init", "-qb", "main"), ("add", "."), ("commit", "-qm", "x")):
        _git(tmp_path, *arguments)
    return tmp_path


def _git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True)


def _diff(root: Path, *, against: str = "main", markdown: bool = False) -> int:
    try:
        run_diff(argparse.Namespace(against=against, markdown=markdown), root=root)
    except SystemExit as end:
        return int(str(end.code))
    return 0


def _edit(root: Path, edit: Edit, version: str = "1.0.0") -> None:
    def both(document: Document) -> None:
        edit(document)
        document["version"] = version

    write_contract(root / "config" / "contracts", both)


@pytest.mark.parametrize(
    "edit, version, code",
    [
        (_set("note", physicalType="VARCHAR(9)"), "1.0.0", 1),
        (_set("note", physicalType="VARCHAR(9)"), "1.9.0", 1),
        (_set("note", physicalType="VARCHAR(9)"), "next", 1),
        (_set("note", physicalType="VARCHAR(9)"), "2.0.0", 0),
        (_set("note", physicalType="VARCHAR(9000)"), "1.0.0", 0),
        (_set("note", physicalType="NONSENSE"), "2.0.0", 1),
    ],
)
def test_contract_diff_breaking_change_asks_for_a_major_version(
    repository: Path, edit: Edit, version: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    _edit(repository, edit, version)

    assert _diff(repository) == code

    out = capsys.readouterr().out
    assert "orders" in out and "airports" not in out
    assert ("FAILS" in out) == bool(code)


def test_contract_diff_deleted_fails_and_added_does_not(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contracts = repository / "config" / "contracts"
    write_contract(contracts, lambda document: None, dataset="customers")

    assert _diff(repository) == 0

    (contracts / "airports.odcs.yaml").unlink()
    assert _diff(repository, markdown=True) == 1
    out = capsys.readouterr().out
    assert "| **breaking** | contract | deleted |" in out
    assert "| compatible | contract | added |" in out


def test_contract_diff_heeds_only_what_the_branch_has_changed(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _git(repository, "switch", "-qc", "branch")
    _git(repository, "switch", "-q", "main")
    _edit(repository, _set("note", physicalType="VARCHAR(9)"), "2.0.0")
    _git(repository, "commit", "-qam", "on main")
    _git(repository, "switch", "-q", "branch")

    assert _diff(repository) == 0

    assert capsys.readouterr().out == "no contract has changed\n"


def test_contract_diff_shows_places_by_their_names(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _edit(repository, _server("processed", location="s3://${processed_bucket}/moved/"), "2.0.0")

    _diff(repository)

    assert "→ s3://${processed_bucket}/moved/" in capsys.readouterr().out


def test_contract_diff_of_an_unknown_revision_says_what_to_do(repository: Path) -> None:
    with pytest.raises(UsageError, match='no revision "origin/main"') as refusal:
        _diff(repository, against="origin/main")

    assert "git fetch origin main" in refusal.value.fix
