"""What is seen of lines that do not fit, what many of them come to, and what is said of it."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from support.contracts import make_column, make_contract, orders_contract
from support.tidy_cases import tidy_contract

from etl.artifacts.drift import drift_artifact
from etl.drift.diff import Change, Diff, make_diff, read_diff, tally_looks
from etl.drift.look import Looker
from etl.drift.tally import Tally
from etl.judge import Judge, Rejected
from etl.model import Contract, Source, Type
from local_cloud.source_orders import iter_orders

DAY = date(2026, 1, 1)
ORDERS = orders_contract()
GOOD = json.loads(next(iter_orders(DAY, 0, 1)))


def reasons(line: str, contract: Contract = ORDERS) -> str:
    """Why a line is rejected, as the quarantine has it; "" where it is not."""
    verdict = Judge(contract, DAY)(line)
    return "; ".join(verdict.reasons) if isinstance(verdict, Rejected) else ""


def seen(record: Any, contract: Contract = ORDERS) -> list[str]:
    """What a rejected record shows, as lines."""
    line = record if isinstance(record, str) else json.dumps(record)
    looker = pickle.loads(pickle.dumps(Looker(contract)))
    found = looker(line, reasons(line, contract)).seen
    return [f"{each.kind} {each.field}: {each.expected} → {each.found}" for each in found]


def changed(**fields: Any) -> dict[str, Any]:
    return {k: v for k, v in {**GOOD, **fields}.items() if v is not ...}


def diff_of(lines: Sequence[str], contract: Contract = ORDERS, *, step: int = 1) -> Diff:
    """The diff of a run over these lines; of those that are good every nth is looked at."""
    looker, why = Looker(contract), {line: reasons(line, contract) for line in lines}
    others = [line for line in lines if not why[line]]
    return make_diff(
        contract,
        records=len(lines),
        rejected=tally_looks(looker(line, why[line]) for line in lines if why[line]),
        sampled=tally_looks(map(looker, others[::step])),
    )


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (GOOD, []),
        (
            changed(coupon=1, **{"a b\n": None}),
            [
                'new "a b\\n": not in the contract → null',
                "new coupon: not in the contract → integer",
            ],
        ),
        (changed(order_id=...), ["missing order_id: string, required → missing"]),
        (changed(order_id=None), ["missing order_id: string, required → null"]),
        (changed(order_id=7), ["type order_id: string, required → integer"]),
        (changed(subtotal="twelve"), ["type subtotal: decimal(12, 2), required → text"]),
        (changed(order_date="1.2.2026"), ["type order_date: date, required → text"]),
        (changed(subtotal=12.345), []),  # a decimal, if too exact a one
        (changed(note="x" * 5000), []),
        (changed(note=5), ["type note: string → integer"]),
        (changed(note=["a"]), ["nested note: string → array"]),
        (changed(note=..., Note="a"), ["name note: string → sent as Note"]),
        (changed(Note="a"), ["new Note: not in the contract → text"]),
        (changed(customer="Li"), ["nested customer: object, required → text"]),
        (changed(customer=...), ["missing customer: object, required → missing"]),
        (
            changed(customer=..., Customer=GOOD["customer"]),
            ["name customer: object, required → sent as Customer"],
        ),
        (
            changed(customer={**GOOD["customer"], "id": "7", "vat": 1}),
            [
                "type customer.id: integer, required → text",
                "new customer.vat: not in the contract → integer",
            ],
        ),
        (
            changed(customer=..., customer_id=7, customer_name="Li", country="SE"),
            [
                "nested customer.id: integer, required → sent as customer_id",
                "nested customer.name: string, required → sent as customer_name",
                "missing customer.country: string, required → missing",
                "new country: not in the contract → text",
            ],
        ),
        (changed(items={"sku": "a"}), ["nested items: array of object, required → object"]),
        (changed(items=["a", "b"]), ["nested items[]: object → text"]),
        (
            changed(items=[{"sku": "a", "quantity": "1", "unitPrice": 1, "x": 1}] * 2),
            [
                "type items[].quantity: integer, required → text",
                "name items[].unit_price: decimal(10, 2), required → sent as items[].unitPrice",
                "new items[].x: not in the contract → integer",
            ],
        ),
        ("x", ["record (record): a JSON object → not valid JSON"]),
        ("[1]", ["record (record): a JSON object → no JSON object"]),
        (
            '{"_malformed": "5 fields where the header has 4"}',
            ["record (record): a JSON object → 5 fields where the header has 4"],
        ),
    ],
)
def test_look_tells_what_does_not_fit(record: Any, expected: list[str]) -> None:
    assert sorted(seen(record)) == sorted(expected)


def test_look_at_text_goes_by_what_text_means() -> None:
    contract = make_contract(
        make_column("id", Type(kind="integer"), required=True),
        make_column("flag", Type(kind="boolean")),
        source=Source(kind="file", name="t", location="t.csv", format="csv"),
    )
    assert seen({"id": "", "flag": "maybe"}, contract) == [
        "missing id: integer, required → empty",
        "type flag: boolean → text",
    ]
    assert seen({"id": "1", "flag": "TRUE", "more": ""}, contract) == [
        "new more: not in the contract → text"
    ]


def test_look_goes_by_tidied_names_where_the_contract_does() -> None:
    contract = tidy_contract()
    assert seen({"ID": 1, "User Name": "a", "Home Address": {"City Name": "b"}}, contract) == []
    assert seen({"ID": 1, "User Name": "a", "userName": "b"}, contract) == [
        "type user_name: string → two fields of one name"
    ]
    assert seen({"ID": "", "home_address_city_name": "x"}, contract) == [
        "missing id: integer, required → missing",
        "nested home_address.city_name: string → sent as home_address_city_name",
    ]


def test_values_that_the_reasons_do_not_name_show_nothing() -> None:
    every_column = "; ".join(f"{each.name}: unfit" for each in ORDERS.columns)
    lines = [*iter_orders(DAY, 0, 5000), json.dumps(changed(items=[{"sku": 1}], note=2))]
    rejected = [line for line in lines if reasons(line)]
    assert len(rejected) > 50
    for line in rejected:
        found = Looker(ORDERS)(line, reasons(line)).seen
        assert found == Looker(ORDERS)(line, every_column).seen


def test_a_thousand_levels_are_looked_at() -> None:
    line = '{"id": "x", "a": ' + '{"b": ' * 990 + "1" + "}" * 991
    assert "new a: not in the contract → object" in seen(line)


def test_examples_are_the_same_in_any_order_and_hidden_where_they_are_not_for_all() -> None:
    lines = [json.dumps(changed(status=n, customer={"id": 7, "name": n})) for n in (3, 1, 2, 4)]
    for order in (lines, lines[::-1]):
        looks = [Looker(ORDERS)(line, reasons(line)) for line in order]
        parts = [tally_looks([look]) for look in looks]
        tally = Tally()
        for part in parts:
            tally.merge(part)
        whole = tally_looks(looks)
        assert (tally.records, tally.counts, tally.misfits) == (4, whole.counts, whole.misfits)
        examples = {key.field: value for key, value in tally.examples.items()}
        assert examples["status"] == ["1", "2", "3"]
        assert examples["customer.name"] == ["***"]
        assert tally.examples == whole.examples


def test_ordinary_bad_rows_are_no_change() -> None:
    diff = diff_of(list(iter_orders(DAY, 0, 2000)))
    assert diff.changes and diff.told == ()
    assert read_diff({"drift": json.loads(json.dumps(diff.to_dict()))}) == diff
    assert read_diff({}) is None


def bad_days(bad: int, good: int, **fields: Any) -> list[str]:
    lines = list(iter_orders(DAY, 0, 41 + bad + good))
    good_lines = [each for each in lines if not isinstance(Judge(ORDERS, DAY)(each), Rejected)]
    broken = [json.dumps({**json.loads(line), **fields}) for line in good_lines[:bad]]
    return broken + good_lines[bad : bad + good]


@pytest.mark.parametrize(
    ("bad", "good", "limit", "stops"),
    [
        (11, 89, 10, True),
        (10, 90, 10, False),  # not more than the limit
        (9, 11, 10, False),  # too few to be a change
        (10, 10, 10, True),
        (2, 0, 10, True),  # all there are
        (1, 1, 10, False),
        (10, 990, 0.5, True),
        (30, 0, 100, False),
    ],
)
def test_records_that_do_not_fit_stop_the_run_beyond_the_limit(
    bad: int, good: int, limit: float, stops: bool
) -> None:
    contract = replace(ORDERS, drift_limit_percent=limit)
    diff = diff_of(bad_days(bad, good, is_gift="no"), contract)
    assert any(each.stops for each in diff.changes) == stops
    assert ("is_gift" in [each.field for each in diff.told]) == stops


def test_new_fields_stop_the_run_only_where_the_contract_says_so() -> None:
    lines = bad_days(1, 50, coupon="X")
    assert [(each.field, each.stops) for each in diff_of(lines).told] == [("coupon", False)]
    diff = diff_of(lines, replace(ORDERS, unknown_fields="stop"))
    assert [(each.field, each.stops) for each in diff.told] == [("coupon", True)]


def test_new_field_is_not_taken_for_one_of_the_same_letters() -> None:
    lines = bad_days(60, 0, **{"customer.id": 1})
    lines[0] = json.dumps({**json.loads(lines[0]), "customer": {**GOOD["customer"], "id": "7"}})
    found = {(each.kind, each.field): each.stops for each in diff_of(lines).changes}
    assert found == {("new", "customer.id"): False, ("type", "customer.id"): False}


def test_renamed_optional_field_stops_the_run_though_its_rows_are_good() -> None:
    lines = [
        json.dumps(changed(note=..., Note="a", order_id=f"ORD-20260101-{n:06}")) for n in range(40)
    ]
    assert not any(isinstance(Judge(ORDERS, DAY)(line), Rejected) for line in lines)
    (change,) = diff_of(lines).told
    assert (change.kind, change.field, change.records, change.stops) == ("name", "note", 40, True)


def test_sample_stands_for_all_and_says_so() -> None:
    lines = bad_days(400, 0, coupon="X")
    diff = diff_of(lines, step=4)
    (change,) = diff.told
    assert diff.line(change) == (
        "+ coupon: not in the contract → text in about 400 of 400 records, e.g. ***"
    )
    assert (diff.looked_at, diff.records) == (100, 400)


def test_optional_field_that_nobody_sends_any_more_is_told() -> None:
    records = [changed(note=..., order_id=f"ORD-20260101-{n:06}") for n in range(120)]
    lines = list(map(json.dumps, records))
    assert [diff_of(lines).line(each) for each in diff_of(lines).told] == [
        "- note: string → in none of 120 records"
    ]
    assert diff_of(lines[:99]).told == ()


def test_differences_beyond_bounds_are_counted_and_do_not_hide_a_change() -> None:
    records = [changed(order_id=..., **{f"field_{n}": 1}) for n in range(700)]
    diff = diff_of(list(map(json.dumps, records)))
    assert diff.others == 201 and len(diff.changes) == 500
    assert [each.field for each in diff.changes if each.stops] == ["order_id"]


CHANGE = Change(
    kind="type",
    field="id",
    expected="integer, required",
    found="text",
    records=1200,
    examples=('"a"', '"b"'),
    stops=True,
)


def test_diff_is_a_table_that_says_whether_the_run_stops() -> None:
    diff = Diff(records=2000, looked_at=2000, limit_percent=10, changes=(CHANGE,))
    artifact = drift_artifact("price_list", DAY, diff)
    assert artifact.key == "price-list-drift"
    assert artifact.content == [
        {
            "": "~",
            "field": "id",
            "contract": "integer, required",
            "source": "text",
            "records": "1,200",
            "examples": '"a", "b"',
            "stops the run": "yes",
        }
    ]
    assert "the warehouse has not seen this run" in artifact.description
    loads = replace(diff, changes=(replace(CHANGE, kind="new", stops=False),))
    assert "has changed in 1 way, and loads" in drift_artifact("x", DAY, loads).description
    same = replace(diff, changes=())
    assert "sends what the contract says" in drift_artifact("x", DAY, same).description
