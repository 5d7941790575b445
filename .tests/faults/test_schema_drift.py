"""A source that changes in the middle of a day: what fits is loaded, what does not stops the run
before the warehouse, and once source or contract is mended the same command ends as a clean run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from support.access_log import stands_for
from support.contracts import write_contract
from support.fault_points import Left, describe_difference, forget_day, read_left
from support.faults_table import Row, record
from support.pipeline_runs import Bench, Outcome

from etl.settings import load_settings
from local_cloud.source_orders import iter_orders

ENGINE = "duckdb"
DAY = "2026-07-14"
ROWS, CHANGED = 60, 29  # one of the second half is bad anyway, and stays as it is
BUCKETS = load_settings("local").buckets
FOLDER = f"s3://{BUCKETS.raw}/landing/drift/"
Record = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """What becomes of the source's records from noon on, and what the run says of it.

    Attributes:
        lines: Of the message.
        mend: A contract that the changed records fit; None if the source is mended.
    """

    fault: str
    apply: Callable[[Record], None]
    lines: tuple[str, ...]
    mend: dict[str, Any] | None = None


def _lose_currency(order: Record) -> None:
    del order["currency"]


def _spell_ids_as_text(order: Record) -> None:
    order["customer"]["id"] = str(order["customer"]["id"])
    order["channel"] = "web"


def _capitalise(order: Record) -> None:
    for name in list(order):
        order["".join(word.capitalize() for word in name.split("_"))] = order.pop(name)


def _flatten_customer(order: Record) -> None:
    for name, value in order.pop("customer").items():
        order[f"customer_{name}"] = value


BREAKING = [
    Change(
        "changed case",
        _capitalise,
        (
            "schema_drift (order_id): ~ string, required → sent as OrderId in 29 of 60 records,"
            ' e.g. "ORD-20260714-000031"',
            "schema_drift (customer): ~ object, required → sent as Customer in 29 of 60 records,"
            " e.g. ***, expected at most 10 % of the records",
        ),
        mend={"normaliseNames": True},
    ),
    Change(
        "missing column",
        _lose_currency,
        ("schema_drift (currency): - string, required → missing in 29 of 60 records",),
    ),
    Change(
        "changed type",
        _spell_ids_as_text,
        (
            'schema_drift (customer.id): ~ integer, required → text in 29 of 60 records, e.g. "',
            "beside it, schema_drift (channel): + not in the contract → text in 29 of 60 records,"
            " e.g. ***",
        ),
    ),
    Change(
        "nested change",
        _flatten_customer,
        (
            "schema_drift (customer.id): ~ integer, required → sent as customer_id in 29 of 60",
            "schema_drift (customer.name): ~ string, required → sent as customer_name in 29 of 60"
            " records, e.g. ***",
        ),
    ),
]


@pytest.fixture(scope="module", autouse=True)
def landing() -> None:
    """A folder that the pipeline may read as it may the logs'."""
    stands_for("landing/drift", "landing/app-logs")


@dataclass
class Shop:
    """Orders that land on S3 as JSON lines, and runs that take them."""

    bench: Bench
    folder: Path

    def write(self, **properties: Any) -> None:
        """Write the contract, with custom properties of the table beside its own."""

        def edit(document: dict[str, Any]) -> None:
            _read_from(document, f"{FOLDER}{{run_date}}.jsonl", format="json", delimiter="new_line")
            for name, value in properties.items():
                given = {"property": name, "value": value}
                document["schema"][0]["customProperties"].append(given)

        write_contract(self.folder, edit)

    def put(self, lines: Iterable[str]) -> None:
        """Put the day's file."""
        self.bench.put(f"{FOLDER}{DAY}.jsonl", "".join(f"{line}\n" for line in lines).encode())

    def run(self) -> Outcome:
        """The command line; it is the same each time."""
        return self.bench.run(DAY, "--json", contracts=self.folder)

    def forget(self, lines: list[str]) -> None:
        """Leave the day as an early run has: a third of its rows in the table, no objects."""
        forget_day(self.bench, DAY)
        key = json.loads(lines[ROWS // 3])["order_id"]
        self.bench.query(f"DELETE FROM {{s}}.orders WHERE order_id >= '{key}'")

    def drift(self) -> dict[str, Any]:
        """The diff beside the report."""
        uri = f"s3://{BUCKETS.artifacts}/runs/orders/{DAY}/drift.json"
        found: dict[str, Any] = json.loads(self.bench.read(uri))
        return found


def _read_from(document: dict[str, Any], location: str, **options: str) -> None:
    system = {"property": "sourceSystem", "value": "shop"}
    source = {"server": "source", "type": "s3", "location": location, **options}
    document["servers"][0] = source | {"customProperties": [system]}


def good_day() -> list[str]:
    """A day's records."""
    return list(iter_orders(date.fromisoformat(DAY), 0, ROWS))


def changed_day(apply: Callable[[Record], None]) -> list[str]:
    """The same, changed from noon on."""
    lines = good_day()
    for index in range(ROWS // 2, ROWS):
        order = json.loads(lines[index])
        if order["order_id"]:
            apply(order)
            lines[index] = json.dumps(order, ensure_ascii=False)
    return lines


@dataclass(frozen=True)
class Ended:
    """How a day of a changed source ended."""

    fault: str
    left: Left
    recovered_by: str


def settle(request: pytest.FixtureRequest, expected: Left, ended: Ended) -> None:
    """Record the fault, and hold what is left against what a clean run leaves."""
    row = Row(
        fault=ended.fault,
        where="source, in the middle of a day",
        rows_lost=expected.lost(ended.left),
        rows_twice=expected.twice(ended.left),
        recovered_by=ended.recovered_by,
    )
    record(request.node, row)
    assert not describe_difference(expected, ended.left), ended.fault


@pytest.mark.timeout(3600)
def test_source_that_changes_at_noon_loads_or_stops_before_the_warehouse(
    make_bench: Callable[[], Bench], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    shop = Shop(make_bench(), tmp_path)
    shop.write()
    forget_day(shop.bench, DAY)
    shop.put(good_day())
    assert shop.run().report["drift"] == []
    expected = read_left(shop.bench, DAY)
    is_sample = request.config.getoption("--faults") == "sample"
    for change in BREAKING[:1] if is_sample else BREAKING:
        settle(request, expected, break_and_mend(shop, change, expected))
    for ended in [] if is_sample else new_columns(shop, expected):
        settle(request, expected, ended)


def break_and_mend(shop: Shop, change: Change, expected: Left) -> Ended:
    """Run a day that a change breaks, mend it, run it again."""
    shop.forget(good_day())
    before = shop.bench.table(), shop.bench.table("orders__ledger")
    assert len(before[0]) == ROWS // 3
    shop.put(changed_day(change.apply))
    shop.run().fails(*change.lines, "the warehouse has not been touched", "drift.json")
    assert (shop.bench.table(), shop.bench.table("orders__ledger")) == before
    stopping = [each for each in shop.drift()["changes"] if each["stops"]]
    assert stopping and max(each["records"] for each in stopping) == CHANGED
    quarantined = shop.bench.read_lines(
        f"s3://{BUCKETS.quarantine}/quarantine/sales/orders/ingest_date={DAY}/"
    )
    assert len(quarantined) == expected.rows["quarantine"].total() + CHANGED

    if change.mend is None:
        shop.put(good_day())
    else:
        shop.write(**change.mend)
    again = shop.run().report
    assert again["rows"]["extracted"] == ROWS
    left = read_left(shop.bench, DAY)
    shop.write()
    what = "the source" if change.mend is None else "the contract"
    return Ended(change.fault, left, f"refused, nothing written; mended {what}, same command")


def new_columns(shop: Shop, expected: Left) -> Iterable[Ended]:
    """Run a day that has more columns from noon on, in another order, as contracts have it."""

    def apply(order: Record) -> None:
        fields = list(reversed(order.items()))
        order.clear()
        order.update(coupon={"code": "X1", "off": 1.50}, **dict(fields))
        for item in order["items"] or []:
            item["colour"] = "red"

    shop.forget(good_day())
    shop.put(changed_day(apply))
    ignored = shop.run().report
    assert ignored["drift"] == [
        "+ coupon: not in the contract → object in 29 of 60 records, e.g. ***",
        "+ items[].colour: not in the contract → text in 29 of 60 records, e.g. ***",
    ]
    assert ignored["places"]["drift"].endswith("/drift.json")
    left = read_left(shop.bench, DAY)
    yield Ended("new column, ignored", left, "loaded in the same run")

    shop.forget(good_day())
    shop.put(changed_day(apply))
    shop.write(unknownFields="stop")
    before = shop.bench.table()
    shop.run().fails(
        "schema_drift (coupon): + not in the contract → object in 29 of 60",
        "expected what the contract says",
    )
    assert shop.bench.table() == before

    shop.write(unknownFields="keep")
    assert shop.run().report["rows"]["loaded"] == expected.rows["orders"].total()
    kept = shop.bench.query("SELECT _unknown_fields FROM {s}.orders ORDER BY order_id")
    found = [json.loads(text) for (text,) in kept if text is not None]
    assert len(found) == CHANGED
    assert all(each["coupon"] == {"code": "X1", "off": 1.5} for each in found)
    assert all({"colour": "red"} in each["items"] for each in found)
    left = without_kept(read_left(shop.bench, DAY), shop)
    yield Ended("new column, kept", left, "refused, nothing written; mended the contract")


def without_kept(left: Left, shop: Shop) -> Left:
    """What is left, but for the column that keeps what the contract does not name."""
    shop.bench.query("ALTER TABLE {s}.orders DROP COLUMN _unknown_fields")
    processed: Counter[str] = Counter()
    for text, count in left.rows["processed"].items():
        folder, _, row = text.partition(" ")
        fields = json.loads(row)
        del fields["_unknown_fields"]
        processed[f"{folder} {json.dumps(fields, sort_keys=True, default=str)}"] += count
    orders = read_left(shop.bench, DAY).rows["orders"]
    return Left({**left.rows, "processed": processed, "orders": orders})


HEADER = "iata,name,city,state,country,latitude,longitude"
MORNING = f"{HEADER}\nBIB,Bibs,NA,NA,USA,1.5,-2.5\nCAC,Caca,Cac,TX,USA,3.5,-4.5\n"
NOON = f"{HEADER}\nDED,Dedu,Ded,NY,USA,5.5,-6.5\n"
REORDERED = (
    "longitude,elevation,latitude,country,state,city,name,iata\n"
    "-6.5,99,5.5,USA,NY,Ded,Dedu,DED\n"
)


@pytest.mark.timeout(3600)
def test_csv_columns_may_move_and_come_and_not_be_respelt(
    make_bench: Callable[[], Bench], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if request.config.getoption("--faults") == "sample":
        pytest.skip("the sample has a change of another kind")
    bench, folder = make_bench(), f"{FOLDER}airports/{DAY}/"

    def edit(document: dict[str, Any]) -> None:
        _read_from(document, f"{FOLDER}airports/{{run_date}}/", format="csv")

    def run() -> Outcome:
        return bench.run(DAY, "--json", "--dataset", "airports", contracts=tmp_path)

    write_contract(tmp_path, edit, dataset="airports")
    forget_day(bench, DAY)
    bench.put(f"{folder}a.csv", MORNING.encode())
    bench.put(f"{folder}b.csv", NOON.encode())
    run().report
    expected = read_left(bench, DAY, dataset="airports")

    bench.query("DELETE FROM {s}.airports")
    bench.put(f"{folder}b.csv", REORDERED.encode())
    assert run().report["drift"] == [
        '+ elevation: not in the contract → text in 1 of 3 records, e.g. "99"'
    ]
    left = read_left(bench, DAY, dataset="airports")
    settle(request, expected, Ended("reordered CSV columns", left, "loaded in the same run"))

    before = bench.table("airports"), bench.table("airports__ledger")
    bench.put(f"{folder}b.csv", NOON.replace("iata,name", "IATA,Name").encode())
    run().fails("b.csv: the header lacks iata, name", "~ iata is sent as IATA", "fix:")
    assert (bench.table("airports"), bench.table("airports__ledger")) == before
    bench.put(f"{folder}b.csv", NOON.encode())
    run().report
    left = read_left(bench, DAY, dataset="airports")
    by = "refused, nothing written; mended the source, same command"
    settle(request, expected, Ended("changed case of CSV columns", left, by))
