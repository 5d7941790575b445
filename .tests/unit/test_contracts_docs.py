"""What docs/contracts.md claims of types, expressions and messages is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from support.contracts import edited_contract, find_property

from etl.contracts import CONTRACTS_FOLDER
from etl.contracts.compiler import SUBSET
from etl.contracts.physical_types import logical_type_of, parse_physical_type
from etl.errors import ContractError

PAGE = (CONTRACTS_FOLDER.parents[1] / "docs" / "contracts.md").read_text("utf-8")


def test_page_lists_every_type_with_its_logical_type() -> None:
    rows = re.findall(r"^\| (`[A-Z][^|]*) \| `(\w+)` \|", PAGE, re.MULTILINE)

    names = {name: logical for cell, logical in rows for name in re.findall("`([^`]+)`", cell)}
    sized = {name.replace("(n)", "(9)").replace("(p, s)", "(9, 2)"): names[name] for name in names}
    assert len(sized) == 9
    for name, logical in sized.items():
        assert logical_type_of(parse_physical_type(name).kind) == logical


def test_page_names_every_function_of_the_subset() -> None:
    functions = re.search(r"case, (.*); see", SUBSET)

    assert functions
    assert all(f"`{name}(" in PAGE for name in functions[1].split())


def test_page_shows_the_message_that_a_mistake_gets(tmp_path: Path) -> None:
    def edit(document: dict[str, Any]) -> None:
        find_property(document, "subtotal")["physicalType"] = "DECIMALL(12, 2)"
        rule = next(
            each for each in document["schema"][0]["quality"] if each["name"] == "no_future_order"
        )
        rule["implementation"] = "order_dat <= run_date"

    with pytest.raises(ContractError) as refusal:
        edited_contract(tmp_path, edit)

    shown = re.search(r"```\nconfig/contracts/(.*?)```", PAGE, re.DOTALL)
    assert shown
    for line in shown[1].splitlines():
        assert line.partition("…")[0].rstrip() in str(refusal.value)
