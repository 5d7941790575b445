"""The validator's verdict: every check passing and failing, and how little it reads for it."""

from __future__ import annotations

import io
from contextlib import nullcontext
from dataclasses import replace
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from parquet_samples import (
    RUN_DATE,
    CountingFile,
    parquet_bytes,
    processed_file,
    sale,
    sales_contract,
)

from etl.drift.diff import Change, Diff
from etl.errors import ValidationError
from etl.expressions import evaluate
from etl.model import Check, Rule
from etl.validation import duplicates
from etl.validation.arrow_schema import arrow_schema, file_schema
from etl.validation.figures import Figures
from etl.validation.parquet_footers import open_parquet
from etl.validation.verdict import Outcome, ProcessedFile, RowCounts, Validation, validate

CONTRACT = sales_contract()


def verdict(*bodies: bytes, contract: Any = CONTRACT, **counts: int) -> Validation:
    rows = sum(pq.ParquetFile(pa.BufferReader(body)).metadata.num_rows for body in bodies)
    counts = {"valid": rows, "quarantined": 0, "deduplicated": 0} | counts
    counts.setdefault("read", counts["valid"] + counts["quarantined"] + counts["deduplicated"])
    files = [processed_file(body, name=f"part-{index}") for index, body in enumerate(bodies)]
    return validate(contract, files=files, counts=RowCounts(**counts), run_date=RUN_DATE)


def failed(validation: Validation) -> dict[tuple[str, str | None], Any]:
    return {
        (check.name, check.column): check.measured
        for check in validation.checks
        if not check.passed
    }


def test_validate_good_files_passes_every_check_with_its_figures() -> None:
    first, second = parquet_bytes([sale(1), sale(2)]), parquet_bytes([sale(3)])
    found = verdict(first, second)
    assert found.passed
    assert (found.rows, found.bytes) == (3, len(first) + len(second))
    assert [(each.name, each.column, each.measured, each.expected) for each in found.checks] == [
        ("files", None, 2, 2),
        ("schema", None, "11 columns", "11 columns"),
        ("rows_written", None, 3, 3),
        ("rows_accounted_for", None, 3, 3),
        ("required", "sale_id", 0, 0),
        ("required", "line", 0, 0),
        ("required", "status", 0, 0),
        ("required", "subtotal", 0, 0),
        ("required", "sold_on", 0, 0),
        ("required", "items", 0, 0),
        ("required", "items[].sku", 0, 0),
        ("required", "items[].quantity", 0, 0),
        ("discount_within_subtotal", "discount", 0, 0),
        ("known_status", "status", 0, 0),
        ("not_in_the_future", "sold_on", 0, 0),
        ("primary_key_unique", "sale_id, line", 0, 0),
        ("some_rows", None, 3, ">= 1 and <= 1000"),
        ("few_rejects", None, 0.0, "<= 20"),
        ("weights_known", "weight", 0, "<= 3"),
        ("sale_once", "sale_id", 0, "<= 0"),
        ("fresh", "updated_at", 12.0, "<= 48"),
    ]


def test_validate_twice_gives_the_same_answer() -> None:
    body = parquet_bytes([sale(1)])
    assert verdict(body).to_dict() == verdict(body).to_dict()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": None}, {("required", "status"): 1}),
        ({"items": None}, {("required", "items"): 1}),
        (
            {"items": [{"sku": None, "quantity": 1, "gift_note": None}]},
            {("required", "items[].sku"): 1},
        ),
        ({"discount": Decimal("100.26")}, {("discount_within_subtotal", "discount"): 1}),
        ({"discount": Decimal("-0.01")}, {("discount_within_subtotal", "discount"): 1}),
        ({"status": "lost"}, {("known_status", "status"): 1}),
        ({"sold_on": date(2026, 1, 2)}, {("not_in_the_future", "sold_on"): 1}),
        ({"sale_id": "S-000001", "line": 2}, {("sale_once", "sale_id"): 1}),
        (
            {"sale_id": "S-000001"},
            {("primary_key_unique", "sale_id, line"): 1, ("sale_once", "sale_id"): 1},
        ),
    ],
)
def test_validate_one_bad_row_fails_exactly_its_checks(
    changes: dict[str, Any], expected: dict[Any, Any]
) -> None:
    rows = [sale(1), sale(2), sale(3, **changes)]
    assert failed(verdict(parquet_bytes(rows))) == expected
    assert failed(verdict(parquet_bytes(rows[:1]), parquet_bytes(rows[1:]))) == expected
    # The same without statistics: everything is read.
    assert failed(verdict(parquet_bytes(rows, write_statistics=False))) == expected


def test_validate_empty_arrays_are_no_nulls() -> None:
    assert verdict(parquet_bytes([sale(1, items=[]), sale(2)])).passed


@pytest.mark.parametrize("options", [{}, {"write_statistics": False}])
def test_validate_stale_data_fails_with_its_age(options: dict[str, Any]) -> None:
    old = datetime(2025, 12, 30, tzinfo=timezone.utc)
    rows = [sale(1, updated_at=old), sale(2, updated_at=None)]
    assert failed(verdict(parquet_bytes(rows, **options))) == {("fresh", "updated_at"): 72.0}
    unknown = verdict(parquet_bytes([sale(1, updated_at=None)], **options))
    assert unknown.checks[-1].passed and unknown.checks[-1].measured is None


@pytest.mark.parametrize("options", [{}, {"write_statistics": False}])
def test_validate_too_many_nulls_fails_with_their_count(options: dict[str, Any]) -> None:
    rows = [sale(number, weight=None) for number in range(4)]
    assert failed(verdict(parquet_bytes(rows, **options))) == {("weights_known", "weight"): 4}


def test_validate_too_many_rejects_fails_with_their_share() -> None:
    found = verdict(parquet_bytes([sale(1), sale(2)]), quarantined=1)
    assert failed(found) == {("few_rejects", None): 33.3333}


def test_validate_failed_warning_shows_and_does_not_fail() -> None:
    limit = Check(name="few", metric="row_count", maximum=1, severity="warning")
    found = verdict(parquet_bytes([sale(1), sale(2)]), contract=sales_contract(checks=(limit,)))
    assert found.passed and not found.checks[-1].passed


def test_validate_changed_source_fails_by_field_and_tells_what_else_has_changed() -> None:
    kinds = {"type": "status", "new": "coupon"}
    changes = [
        Change(
            kind=kind,
            field=field,
            expected="string",
            found="integer",
            records=60,
            examples=("1",),
            stops=kind == "type",
        )
        for kind, field in kinds.items()
    ]
    drift = Diff(records=100, looked_at=100, limit_percent=10, changes=tuple(changes))
    found = drifted(drift)
    assert not found.passed
    words = "string → integer in 60 of 100 records, e.g. 1"
    assert [each for each in found.checks if not each.passed] == [
        Outcome(
            name="schema_drift",
            column="status",
            passed=False,
            measured=f"~ {words}",
            expected="at most 10 % of the records",
        ),
        Outcome(
            name="schema_drift",
            column="coupon",
            passed=False,
            measured=f"+ {words}",
            expected="what the contract says",
            severity="warning",
        ),
    ]
    loads = drifted(replace(drift, changes=(changes[1],)))
    assert loads.passed and loads.checks[-1].name == "schema_drift"


def drifted(drift: Diff) -> Validation:
    counts = RowCounts(read=1, valid=1, quarantined=0, deduplicated=0)
    files = [processed_file(parquet_bytes([sale(1)]), name="part-0")]
    return validate(CONTRACT, files=files, counts=counts, run_date=RUN_DATE, drift=drift)


def test_validate_no_rows_fails_only_the_row_count() -> None:
    nothing = validate(
        CONTRACT,
        files=[],
        counts=RowCounts(read=0, valid=0, quarantined=0, deduplicated=0),
        run_date=RUN_DATE,
    )
    assert failed(nothing) == failed(verdict(parquet_bytes([]))) == {("some_rows", None): 0}
    assert verdict(parquet_bytes([]), contract=sales_contract(checks=())).passed


def test_validate_counts_that_do_not_add_up_fail() -> None:
    body = parquet_bytes([sale(1)])
    assert failed(verdict(body, valid=2, read=2)) == {("rows_written", None): 1}
    assert failed(verdict(body, read=3, deduplicated=1)) == {("rows_accounted_for", None): 2}


def test_validate_missing_file_fails_and_names_it() -> None:
    def missing() -> Any:
        raise FileNotFoundError("gone")

    found = validate(
        CONTRACT,
        files=[ProcessedFile(uri="s3://processed/gone", size=1, open=missing)],
        counts=RowCounts(read=0, valid=0, quarantined=0, deduplicated=0),
        run_date=RUN_DATE,
    )
    assert failed(found) == {("files", None): "s3://processed/gone does not exist"}


@pytest.mark.parametrize("body", [b"", b"no Parquet at all", parquet_bytes([sale(1)])[:-9]])
def test_validate_corrupt_file_fails_and_names_it(body: bytes) -> None:
    found = validate(
        CONTRACT,
        files=[processed_file(body)],
        counts=RowCounts(read=0, valid=0, quarantined=0, deduplicated=0),
        run_date=RUN_DATE,
    )
    assert "part-0.parquet is not readable as Parquet" in failed(found)[("files", None)]


def test_validate_corrupt_pages_fail() -> None:
    body = bytearray(parquet_bytes([sale(number) for number in range(100)]))
    body[4:400] = b"\xff" * 396
    assert ("values_readable", None) in failed(verdict(bytes(body)))


def test_validate_file_of_another_size_fails() -> None:
    body = parquet_bytes([sale(1)])
    found = validate(
        CONTRACT,
        files=[processed_file(body, size=7)],
        counts=RowCounts(read=1, valid=1, quarantined=0, deduplicated=0),
        run_date=RUN_DATE,
    )
    expected = f"s3://processed/part-0.parquet has {len(body)} bytes, the transform wrote 7"
    assert failed(found) == {("files", None): expected}


def test_validate_another_schema_fails_and_says_where() -> None:
    schema = arrow_schema(CONTRACT)
    line = schema.get_field_index("line")
    wrong = schema.set(line, pa.field("line", pa.int64())).remove(0)
    wrong = wrong.append(pa.field("extra", pa.string()))
    found = verdict(parquet_bytes([], schema=wrong), contract=sales_contract(checks=()))
    assert failed(found) == {
        ("schema", None): (
            "s3://processed/part-0: sale_id is missing; "
            "s3://processed/part-0: extra is not in the contract; "
            "s3://processed/part-0: line is int64, expected int32"
        )
    }


def test_validate_another_order_of_columns_fails() -> None:
    reversed_schema = pa.schema(list(arrow_schema(CONTRACT))[::-1])
    found = verdict(parquet_bytes([sale(1)], schema=reversed_schema))
    assert "columns are in the order items, updated_at" in failed(found)[("schema", None)]


def test_validate_unknown_metric_is_refused() -> None:
    contract = sales_contract(checks=(Check(name="odd", metric="entropy", column="status"),))
    with pytest.raises(ValidationError, match="check odd measures entropy of status"):
        verdict(parquet_bytes([sale(1)]), contract=contract)


def test_validate_reads_footers_and_needed_columns_only() -> None:
    rows = [sale(n, seller_id=n * 7919, weight=n / 7) for n in range(20_000)]
    body = parquet_bytes(rows, use_dictionary=False, row_group_size=5_000)
    metadata = pq.ParquetFile(pa.BufferReader(body)).metadata
    sizes: dict[str, int] = {}
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        for chunk in map(group.column, range(group.num_columns)):
            name = chunk.path_in_schema.partition(".")[0]
            sizes[name] = sizes.get(name, 0) + chunk.total_compressed_size
    footer = len(body) - sum(sizes.values())

    def travelled(**changes: Any) -> int:
        file = CountingFile(body)
        counts = RowCounts(read=20_000, valid=20_000, quarantined=0, deduplicated=0)
        processed = ProcessedFile(uri="x", size=len(body), open=lambda: file)
        contract = sales_contract(**changes)
        validate(contract, files=[processed], counts=counts, run_date=RUN_DATE)
        return file.read_bytes

    slack = 64 * 1024  # the footer's read-ahead
    footers_only = travelled(rules=(), primary_key=(), checks=CONTRACT.checks[-1:])
    assert footers_only <= footer + slack
    by_limits = [">=", ["col", "seller_id"], ["integer", ["lit", 0, "integer"], 1]]
    decided = Rule(name="a_seller", expression=by_limits)
    assert travelled(rules=(decided,), primary_key=(), checks=()) <= footer + slack
    assert sizes["seller_id"] > slack
    rules_only = travelled(primary_key=(), checks=())
    needed = sum(sizes[name] for name in ("discount", "subtotal", "status"))
    assert needed <= rules_only <= footer + needed + slack
    assert rules_only < len(body) / 2


DAYS = sales_contract(
    partition_columns=("status", "sold_on"),
    checks=(
        Check(name="fresh", metric="freshness_hours", column="sold_on", maximum=48),
        Check(name="statuses", metric="null_count", column="status", maximum=0),
        Check(name="one_each", metric="duplicate_count", column="status", maximum=1),
    ),
)


def by_folder(folder: str, *numbers: int, contract: Any = DAYS) -> ProcessedFile:
    """A file of such sales, without what stands in its key."""
    body = parquet_bytes([sale(number) for number in numbers], schema=file_schema(contract))
    return processed_file(body, name=f"{folder}part-0.parquet")


def partitioned_verdict(*files: ProcessedFile, rows: int) -> Validation:
    counts = RowCounts(read=rows + 4, valid=rows, quarantined=1, deduplicated=1, filtered=2)
    return validate(DAYS, files=files, counts=counts, run_date=RUN_DATE)


def test_validate_partition_columns_are_judged_by_their_keys() -> None:
    good = partitioned_verdict(
        by_folder("status=paid/sold_on=2026-01-01/", 1, 2),
        by_folder("status=placed/sold_on=2025-12-31/", 3),
        rows=3,
    )
    assert failed(good) == {} and good.rows == 3
    figures = {check.name: check.measured for check in good.checks}
    assert (figures["schema"], figures["fresh"], figures["one_each"]) == ("9 columns", 24.0, 1)
    bad = partitioned_verdict(
        by_folder("status=lost/sold_on=2026-01-02/", 1, 2),
        by_folder("status=__HIVE_DEFAULT_PARTITION__/sold_on=2025-12-31/", 3),
        rows=3,
    )
    assert failed(bad) == {
        ("known_status", "status"): 2,
        ("not_in_the_future", "sold_on"): 2,
        ("required", "status"): 1,
        ("statuses", "status"): 1,
    }


def test_validate_partition_columns_in_the_file_or_without_folder_fail() -> None:
    whole = processed_file(parquet_bytes([sale(1)]), name="status=paid/sold_on=2026-01-01/part-0")
    found = failed(partitioned_verdict(whole, rows=1))
    assert "status is not in the contract" in found[("schema", None)]
    found = failed(partitioned_verdict(by_folder("status=paid/", 1), rows=1))
    assert "does not lie in status=…/sold_on=…/" in found[("files", None)]
    found = failed(partitioned_verdict(by_folder("status=paid/sold_on=today/", 1), rows=1))
    assert "today" in found[("files", None)]


def counted(body: bytes, *sets: tuple[str, ...]) -> list[float | None]:
    figures = Figures([open_parquet("x", io.BytesIO(body), size=len(body))], run_date=RUN_DATE)
    asked = [figures.duplicates(columns) for columns in sets]
    figures.read()
    return [figure() for figure in asked]


REPEATED = [sale(number % 700, line=number % 3) for number in range(1500)]


@pytest.mark.parametrize("at_once", [2_000, 1_000, 100])
def test_duplicates_of_more_rows_than_fit_are_the_same(monkeypatch: Any, at_once: int) -> None:
    monkeypatch.setattr(duplicates, "ROWS_AT_ONCE", at_once)
    distinct = len({(row["sale_id"], row["line"]) for row in REPEATED})
    body = parquet_bytes(REPEATED, row_group_size=400)
    assert counted(body, ("sale_id", "line"), ("sale_id",), ("seller_id",)) == [
        1500 - distinct,
        800,
        800,
    ]


@pytest.mark.parametrize("at_once", [2_000, 100])
def test_duplicates_are_counted_by_values_where_hashes_are_equal(
    monkeypatch: Any, at_once: int
) -> None:
    monkeypatch.setattr(duplicates, "ROWS_AT_ONCE", at_once)
    monkeypatch.setattr(
        duplicates, "hash_rows", lambda keys: pa.repeat(pa.scalar(7, pa.uint64()), len(keys))
    )
    assert counted(parquet_bytes(REPEATED), ("sale_id",)) == [800]
    unique = [sale(number) for number in range(500)]
    assert counted(parquet_bytes(unique), ("sale_id",)) == [0]


def test_duplicates_without_repeats_are_read_once(monkeypatch: Any) -> None:
    monkeypatch.setattr(duplicates, "ROWS_AT_ONCE", 100)
    monkeypatch.setattr(duplicates, "iter_batches", None)
    body = parquet_bytes([sale(number) for number in range(1500)], row_group_size=400)
    assert counted(body, ("sale_id",), ("sale_id", "line")) == [0, 0]


def test_duplicates_without_room_name_the_setting(monkeypatch: Any, tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    for share in range(16):
        (tmp_path / "0" / str(share)).symlink_to("/dev/full")
    monkeypatch.setattr(duplicates, "ROWS_AT_ONCE", 100)
    monkeypatch.setattr(duplicates, "TemporaryDirectory", lambda prefix: nullcontext(tmp_path))
    monkeypatch.setattr(Path, "mkdir", lambda path: None)
    with pytest.raises(ValidationError, match="more room") as caught:
        counted(parquet_bytes([sale(number) for number in range(1500)]), ("sale_id",))
    assert caught.value.fix == "raise validator.storage_mb"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array(["ab", "ba", "", "a", "é", "a\x00"]), None),
        (pa.array(["x" * 300_000, "y" * 300_000]), None),
        (pa.array(["x" * 300, "x" * 8, "x" * 9]), None),
        (pa.array([f"{number:06d}" for number in range(60_000)]), None),
        (pa.array([0, 1, -1, 2**62]), None),
        (pa.array([Decimal("1.00"), Decimal("1.01")]), None),
        (pa.array([date(2026, 1, 1), date(2026, 1, 2)]), None),
        (pa.array([True, False]), None),
        (pa.array([0.0, 1.5]), pa.array([-0.0, 1.5])),
        (pa.array(["a", "b", "a"]), pa.array(["a", "b", "a"]).dictionary_encode()),
    ],
)
def test_hash_rows_of_equal_rows_is_equal_wherever_they_stand(one: Any, other: Any) -> None:
    other = one if other is None else other
    hashes = duplicates.hash_rows(pa.record_batch([one], ["a"])).to_pylist()
    turned = pa.record_batch([other.take(pa.array(range(len(other) - 1, -1, -1)))], ["a"])
    assert duplicates.hash_rows(turned).to_pylist() == hashes[::-1]
    sliced = pa.record_batch([other], ["a"]).slice(1)
    assert duplicates.hash_rows(sliced).to_pylist() == hashes[1:]


def test_hash_rows_tells_rows_and_columns_apart() -> None:
    names = [f"S-{number:06d}" for number in range(50_000)]
    keys = pa.record_batch([pa.array(names), pa.array([1, 2] * 25_000)], ["name", "line"])
    assert len(set(duplicates.hash_rows(keys).to_pylist())) == 50_000
    turned = pa.record_batch([pa.array(["a", "b"]), pa.array(["b", "a"])], ["one", "other"])
    assert len(set(duplicates.hash_rows(turned).to_pylist())) == 2
    assert duplicates.hash_rows(keys.slice(0, 0)).to_pylist() == []


def test_hash_rows_tells_texts_apart_that_differ_where_words_end() -> None:
    texts = [
        f"2026-0{day}{row:07d}{shop}" for day in range(9) for row in range(999) for shop in "AB"
    ]
    hashes = duplicates.hash_rows(pa.record_batch([pa.array(texts)], ["a"]))
    assert len(set(hashes.to_pylist())) == len(texts)


def test_hash_rows_spreads_short_texts_over_the_shares() -> None:
    keys = pa.record_batch([pa.array([f"{number}" for number in range(1000)])], ["a"])
    shares = {number >> 60 for number in duplicates.hash_rows(keys).to_pylist()}
    assert len(shares) == 16


@pytest.mark.parametrize("use_dictionary", [True, False])
@pytest.mark.parametrize(
    "rule",
    [
        ["in", ["col", "status"], [["lit", "paid", "string"]]],
        ["not", ["is_null", ["col", "status"]]],
        ["=", ["call", "upper", ["col", "status"]], ["lit", "PAID", "string"]],
        ["=", ["col", "status"], ["col", "sale_id"]],
    ],
)
def test_rules_of_texts_count_alike_however_they_are_stored(
    rule: Any, use_dictionary: bool
) -> None:
    rows = [sale(number) for number in range(1500)]
    for number, row in enumerate(rows):
        row["status"] = [None, "paid", "lost"][number // 400 % 3]
    body = parquet_bytes(rows, row_group_size=700, use_dictionary=use_dictionary)
    file = open_parquet("x", io.BytesIO(body), size=len(body))
    assert (file.with_codes(["status"]) is not file.parquet) == use_dictionary
    figures = Figures([file], run_date=RUN_DATE)
    figure = figures.violations(Rule(name="rule", expression=rule))
    figures.read()
    assert figure() == sum(evaluate(rule, row, RUN_DATE) is False for row in rows)
