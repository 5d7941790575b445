"""How contracts say that records are tidied, mapped, filtered, traced and partitioned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.contracts import edited_contract, find_property

from etl.errors import ContractError
from etl.model import LINEAGE_COLUMNS, Contract

Document = dict[str, Any]


def _custom(**values: Any) -> Callable[[Document], None]:
    """Custom properties of the table, in place of those of the same name."""

    def edit(document: Document) -> None:
        table = document["schema"][0]
        kept = [each for each in table["customProperties"] if each["property"] not in values]
        given = [{"property": name, "value": value} for name, value in values.items()]
        table["customProperties"] = kept + given

    return edit


def _without_warehouse(document: Document) -> None:
    document["servers"] = [each for each in document["servers"] if each["server"] != "warehouse"]


def _partitioned(*names: str, **types: str) -> Callable[[Document], None]:
    def edit(document: Document) -> None:
        _without_warehouse(document)
        _custom(partitionColumns=list(names))(document)
        for name, type_ in types.items():
            find_property(document, name)["physicalType"] = type_

    return edit


def _map(column: str, value: Any, **changes: Any) -> Callable[[Document], None]:
    def edit(document: Document) -> None:
        definition = find_property(document, column)
        definition.update(changes)
        definition["customProperties"] = [{"property": "mapValues", "value": value}]

    return edit


def _renamed(name: str, new: str, **changes: Any) -> Callable[[Document], None]:
    def edit(document: Document) -> None:
        _custom(normaliseNames=True)(document)
        find_property(document, name).update(name=new, **changes)

    return edit


def test_contract_without_them_changes_nothing(tmp_path: Path) -> None:
    contract = edited_contract(tmp_path, lambda document: None)

    assert not contract.normalise_names and not contract.drop_empty and not contract.detect_deletes
    assert contract.filter is None
    assert contract.partition_columns == ()
    assert contract.data_columns == contract.columns


def test_contract_with_all_of_them_is_read(tmp_path: Path) -> None:
    def edit(document: Document) -> None:
        _without_warehouse(document)
        _custom(
            normaliseNames=True,
            dropEmpty=True,
            filter="total_amount > 0 and currency <> 'XXX'",
            lineage=["_run_id", "_source_file"],
            partitionColumns=["order_date", "currency"],
        )(document)
        _map("currency", {"Euro": "EUR"})(document)

    contract = edited_contract(tmp_path, edit)

    assert contract.normalise_names and contract.drop_empty
    assert contract.filter == [
        "and",
        [">", ["col", "total_amount"], ["lit", 0, "integer"]],
        ["<>", ["col", "currency"], ["lit", "XXX", "string"]],
    ]
    assert contract.columns[-2:] == (LINEAGE_COLUMNS["_source_file"], LINEAGE_COLUMNS["_run_id"])
    assert contract.data_columns == contract.columns[:-2]
    assert contract.partition_columns == ("order_date", "currency")
    assert contract.column("currency").value_map == {"Euro": "EUR"}
    assert Contract.from_json(contract.to_json()) == contract


def test_load_mode_is_only_needed_where_there_is_a_warehouse(tmp_path: Path) -> None:
    def edit(document: Document) -> None:
        properties = document["schema"][0]["customProperties"]
        properties[:] = [each for each in properties if each["property"] != "loadMode"]

    with pytest.raises(ContractError, match="loadMode is missing"):
        edited_contract(tmp_path, edit)

    def edit_both(document: Document) -> None:
        edit(document)
        _without_warehouse(document)

    assert edited_contract(tmp_path, edit_both).load_mode == "replace"


def test_deletes_are_detected_for_merged_sql_tables(tmp_path: Path) -> None:
    def edit(document: Document) -> None:
        _custom(loadMode="merge", detectDeletes=True)(document)
        options = {"sourceSystem": "shop", "kind": "sql", "table": "orders"}
        document["servers"][0] = {
            "server": "source",
            "type": "custom",
            "location": "sqlite:///shop.db",
            "customProperties": [
                {"property": name, "value": value} for name, value in options.items()
            ],
        }

    assert edited_contract(tmp_path, edit).detect_deletes


# What it is, the edit, part of the message, part of the fix.
CASES: list[tuple[str, Callable[[Document], None], str, str]] = [
    ("misspelt", _custom(normalizeNames=True), 'did you mean "normaliseNames"', "mend"),
    ("flag", _custom(dropEmpty="yes"), "dropEmpty is 'yes'", "true or false"),
    ("filter-no-text", _custom(filter=True), "True is no condition", "amount > 0"),
    ("filter-no-condition", _custom(filter="subtotal + 1"), "not a condition", "comparison"),
    ("filter-unknown", _custom(filter="subtotl > 1"), 'did you mean "subtotal"', "name one of"),
    ("filter-lineage", _custom(filter="_run_id = 'x'", lineage=["_run_id"]), "_run_id", "name one"),
    ("lineage-text", _custom(lineage="_run_id"), "no list", "[_source_file]"),
    ("lineage-unknown", _custom(lineage=["_runid"]), 'did you mean "_run_id"', "_ingested_at"),
    ("lineage-twice", _custom(lineage=["_run_id"] * 2), "no list of different", "[_source_file]"),
    (
        "partition-of-warehouse",
        _custom(partitionColumns=["order_date"]),
        "COPY cannot read",
        'remove partitionColumns, or the server "warehouse"',
    ),
    ("partition-unknown", _partitioned("curency"), 'did you mean "currency"', "choose of"),
    ("partition-key", _partitioned("order_id"), "is of the primary key", "another column"),
    ("partition-null", _partitioned("delivery_date"), "can be NULL", "required: true"),
    ("partition-decimal", _partitioned("subtotal"), '"subtotal" is decimal', "integer, date"),
    (
        "partition-long",
        _partitioned("currency", currency="VARCHAR(4000)"),
        "too long for a key",
        "VARCHAR(128)",
    ),
    ("deletes-replace", _custom(detectDeletes=True), "loadMode replace", "merge"),
    (
        "deletes-api",
        _custom(detectDeletes=True, loadMode="merge"),
        "a source of kind api",
        "kind sql",
    ),
    ("map-list", _map("currency", ["Euro"]), "no mapping of texts", "{warning: WARN}"),
    ("map-empty", _map("currency", {}), "no mapping of texts", "{warning: WARN}"),
    ("map-number", _map("currency", {"Euro": 1}), "no mapping of texts", "in quotes"),
    ("map-to-long", _map("currency", {"Euro": "Euros"}), '"Euros" does not fit', "wider"),
    ("map-of-number", _map("subtotal", {"a": "b"}), "for received text", "case when"),
    (
        "map-of-derived",
        _map("currency", {"a": "b"}, transformLogic="'EUR'"),
        "for received text",
        "case when",
    ),
    ("map-of-object", _map("customer", {"a": "b"}), "has no effect here", "column with text"),
    (
        "map-misspelt",
        lambda document: find_property(document, "currency").update(
            customProperties=[{"property": "mapValue", "value": {"a": "b"}}]
        ),
        'did you mean "mapValues"',
        "mend",
    ),
    (
        "name-not-normal",
        _renamed("note", "Customer Note", physicalName="note"),
        '"Customer Note" is never found',
        "name: customer_note",
    ),
    (
        "field-not-normal",
        lambda document: (
            _custom(normaliseNames=True)(document),
            find_property(document, "items")["items"]["properties"][0].update(name="sku__"),
        ),
        '"sku__" is never found',
        "name: sku",
    ),
]


@pytest.mark.parametrize(
    ("edit", "what", "fix"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_contract_that_says_it_wrongly_is_refused(
    edit: Callable[[Document], None], what: str, fix: str, tmp_path: Path
) -> None:
    with pytest.raises(ContractError) as refusal:
        edited_contract(tmp_path, edit)

    assert "schema[0]." in str(refusal.value)
    assert what in str(refusal.value)
    assert fix in str(refusal.value).rpartition("fix: ")[2] or fix in (refusal.value.fix or "")


def test_empty_text_of_csv_cannot_be_mapped(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="an empty value of CSV is NULL"):
        edited_contract(tmp_path, _map("city", {"": "NA"}), dataset="airports")


def test_drift_is_bounded_and_unknown_fields_ignored_unless_said_otherwise(tmp_path: Path) -> None:
    contract = edited_contract(tmp_path, lambda document: None)
    assert (contract.unknown_fields, contract.drift_limit_percent) == ("ignore", 10)

    edit = _custom(unknownFields="keep", driftLimitPercent=2.5, lineage=["_run_id"])
    contract = edited_contract(tmp_path, edit)
    assert (contract.unknown_fields, contract.drift_limit_percent) == ("keep", 2.5)
    assert [each.name for each in contract.columns[-2:]] == ["_unknown_fields", "_run_id"]
    kept = contract.column("_unknown_fields")
    assert kept in contract.data_columns and kept not in contract.received_columns
    assert kept.classification == "personal"  # as the customer's name: it may hold anything
    assert Contract.from_json(contract.to_json()) == contract

    contract = edited_contract(tmp_path, _custom(unknownFields="stop"))
    assert "_unknown_fields" not in [each.name for each in contract.columns]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"unknownFields": "kep"}, 'unknownFields is "kep", did you mean "keep"'),
        ({"unknownFields": True}, 'unknownFields is "True"'),
        ({"driftLimitPercent": 101}, "101 is no percentage"),
        ({"driftLimitPercent": "5"}, "'5' is no percentage"),
        ({"driftLimitPercents": 5}, 'did you mean "driftLimitPercent"'),
    ],
)
def test_drift_that_makes_no_sense_is_refused(
    tmp_path: Path, values: dict[str, Any], words: str
) -> None:
    with pytest.raises(ContractError) as refusal:
        edited_contract(tmp_path, _custom(**values))
    assert words in str(refusal.value)


def test_unknown_fields_are_not_kept_where_nothing_sees_them(tmp_path: Path) -> None:
    def edit(document: Document) -> None:
        _custom(unknownFields="stop")(document)
        document["servers"] = [
            each for each in document["servers"] if each["server"] in ("source", "raw")
        ]

    with pytest.raises(ContractError, match="a contract that ends at raw"):
        edited_contract(tmp_path, edit)

    def edit_sql(document: Document) -> None:
        document["schema"][0]["customProperties"].append(
            {"property": "unknownFields", "value": "keep"}
        )

    with pytest.raises(ContractError, match="only the contract's columns are read"):
        edited_contract(tmp_path, edit_sql, dataset="customers")
