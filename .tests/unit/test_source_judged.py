"""The demo shop's orders, held against the orders contract by the judge itself."""

from __future__ import annotations

import json
from datetime import date

import pytest
from source_samples import make_contract

from etl.contracts import load_contract
from etl.judge import Accepted, Judge, Rejected
from etl.model import Contract
from etl.settings import load_settings
from etl.sources.lines import wrap_invalid_utf8, wrap_malformed
from local_cloud.source_orders import BAD, bad_order, expected_counts, iter_orders

DAY = date(2026, 1, 1)


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> Contract:
    monkeypatch.setenv("ETL_PLACES__SHOP_API_URL", "http://127.0.0.1:9/_source/shop")
    return load_contract("orders", settings=load_settings("local"))


def test_judge_rejects_just_the_bad_orders_of_a_day(orders: Contract) -> None:
    judge = Judge(orders, DAY)
    verdicts = [judge(line) for line in iter_orders(DAY, 0, 2000)]
    rejected = [at for at, verdict in enumerate(verdicts) if isinstance(verdict, Rejected)]
    assert rejected == list(range(41, 2000, 64))
    keys = {each.row["order_id"] for each in verdicts if isinstance(each, Accepted)}
    assert len(keys) == expected_counts(2000).loaded


@pytest.mark.parametrize("kind", range(len(BAD)), ids=list(BAD))
def test_judge_names_what_is_wrong_with_a_bad_order(orders: Contract, kind: int) -> None:
    verdict = Judge(orders, DAY)(bad_order(DAY, 7, kind))
    assert isinstance(verdict, Rejected)
    field = list(BAD.values())[kind][0]
    words = {None: ("record",), "customer": ("customer_", "country")}.get(field, (field,))
    assert any(str(word) in verdict.reasons[0] for word in words), verdict.reasons


def test_judge_rejects_what_a_source_wrapped() -> None:
    judge = Judge(make_contract(), DAY)
    assert judge(wrap_invalid_utf8(b"\xff").decode()) == Rejected(["record: not UTF-8"])
    line = wrap_malformed("3 fields where the header has 2", _fields=["1", "2", "3"]).decode()
    assert json.loads(line)["_fields"] == ["1", "2", "3"]
    assert judge(line) == Rejected(["record: 3 fields where the header has 2"])
