"""Every mistake in a contract is refused with its file, its path inside the file and the fix."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.contracts import StubSettings, edited_contract, find_property, write_contract

from etl.contracts import list_datasets, load_contract
from etl.errors import ContractError

Document = dict[str, Any]


def _set(name: str, **values: Any) -> Callable[[Document], None]:
    """Change keys of a top-level property; None removes one."""

    def edit(document: Document) -> None:
        definition = find_property(document, name)
        for key, value in values.items():
            definition.pop(key, None)
            if value is not None:
                definition[key] = value

    return edit


def _top(**values: Any) -> Callable[[Document], None]:
    return lambda document: document.update(values)


def _server(role: str, **values: Any) -> Callable[[Document], None]:
    def edit(document: Document) -> None:
        next(each for each in document["servers"] if each["server"] == role).update(values)

    return edit


def _custom(name: str, **values: Any) -> Callable[[Document], None]:
    def edit(document: Document) -> None:
        properties = document["schema"][0]["customProperties"]
        next(each for each in properties if each["property"] == name).update(values)

    return edit


def _remove(name: str) -> Callable[[Document], None]:
    return lambda document: document["schema"][0]["properties"].remove(
        find_property(document, name)
    )


def _append(*definitions: Document) -> Callable[[Document], None]:
    return lambda document: document["schema"][0]["properties"].extend(definitions)


def _quality(**quality: Any) -> Callable[[Document], None]:
    return lambda document: document["schema"][0]["quality"].append(quality)


def _row_rule(condition: str) -> Callable[[Document], None]:
    return _quality(name="the_rule", type="custom", engine="row", implementation=condition)


def _column(name: str, **values: Any) -> Document:
    return {"name": name, "logicalType": "string", "physicalType": "VARCHAR(10)", **values}


def _array_as_key(document: Document) -> None:
    _set("order_id", primaryKey=None)(document)
    _set("items", primaryKey=True)(document)


_ITEM = {"name": "sku", "logicalType": "string", "physicalType": "VARCHAR(9)"}
_RULE = "<last-quality>.implementation"

# What it is, the edit, the path in the file (<name> for where that property or server stands),
# part of the message, part of the fix.
CASES: list[tuple[str, Callable[[Document], None], str, str, str]] = [
    ("api-version", _top(apiVersion="v2.9.0"), "apiVersion", "v2.9.0", "v3.2.0"),
    ("kind", _top(kind="DataContrac"), "kind", 'did you mean "DataContract"', "DataContract"),
    ("unknown-key", _top(serverz=[]), "serverz", 'did you mean "servers"', "customProperties"),
    (
        "unknown-nested-key",
        _set("note", physicaltype="X"),
        "<note>.physicaltype",
        'did you mean "physicalType"',
        "standard",
    ),
    ("version-number", _top(version=1.0), "version", "not of type string", "quotes"),
    ("version-path", _top(version="../1"), "version", "no version", "1.0.0"),
    ("no-domain", _top(domain=""), "domain", "is missing", "sales"),
    ("two-tables", lambda d: d["schema"].append({"name": "x"}), "schema", "2 tables", "one file"),
    ("no-table", _top(schema=[]), "schema", "0 tables", "one file"),
    (
        "table-of-another-file",
        lambda d: d["schema"][0].update(name="returns"),
        "schema[0].name",
        '"returns" is not the dataset',
        "name: orders",
    ),
    (
        "unknown-type",
        _set("subtotal", physicalType="DECIMALL(12, 2)"),
        "<subtotal>.physicalType",
        'did you mean "DECIMAL"',
        "DECIMAL(precision, scale)",
    ),
    (
        "no-type",
        _set("subtotal", physicalType=None),
        "<subtotal>.physicalType",
        "is missing",
        "DECIMAL(precision, scale)",
    ),
    (
        "unknown-logical-type",
        _set("subtotal", logicalType="numbr"),
        "<subtotal>.logicalType",
        'did you mean "number"',
        "boolean",
    ),
    (
        "logical-against-physical",
        _set("subtotal", logicalType="string", logicalTypeOptions=None),
        "<subtotal>.logicalType",
        "does not go with",
        "logicalType: number",
    ),
    (
        "unsupported-logical-type",
        _append({"name": "m", "logicalType": "vector", "physicalType": "SUPER"}),
        "<m>.logicalType",
        "does not go with",
        "array",
    ),
    (
        "precision",
        _set("subtotal", physicalType="DECIMAL(39, 2)"),
        "<subtotal>.physicalType",
        "precision 39",
        "38",
    ),
    (
        "scale",
        _set("subtotal", physicalType="DECIMAL(4, 5)"),
        "<subtotal>.physicalType",
        "scale 5 is greater",
        "all digits",
    ),
    (
        "varchar-too-long",
        _set("note", physicalType="VARCHAR(65536)"),
        "<note>.physicalType",
        "out of range",
        "65535",
    ),
    (
        "varchar-without-length",
        _set("note", physicalType="VARCHAR"),
        "<note>.physicalType",
        "no length",
        "VARCHAR(n)",
    ),
    (
        "timestamp-without-zone",
        _set("updated_at", physicalType="TIMESTAMP"),
        "<updated_at>.physicalType",
        "not supported",
        "TIMESTAMPTZ",
    ),
    (
        "no-primary-key",
        _set("order_id", primaryKey=None),
        "schema[0].properties",
        "no primary key",
        "primaryKey: true",
    ),
    (
        "key-position-without-key",
        _set("status", primaryKeyPosition=2),
        "<status>.primaryKeyPosition",
        "no part of the primary key",
        "primaryKey: true",
    ),
    (
        "key-positions",
        _set("status", primaryKey=True),
        "<status>.primaryKeyPosition",
        "positions are -1, -1",
        "from 1",
    ),
    (
        "key-not-a-column",
        _quality(metric="duplicateValues", mustBe=0, arguments={"properties": ["order_idd"]}),
        "<last-quality>.metric",
        "not measured for the table",
        "['order_id']",
    ),
    (
        "array-as-key",
        _array_as_key,
        "<items>.primaryKey",
        "cannot be a key",
        "text",
    ),
    (
        "unknown-latest-by",
        _custom("latestBy", value="updated"),
        "<custom latestBy>.value",
        'did you mean "updated_at"',
        "updated_at",
    ),
    (
        "latest-by-list",
        _custom("latestBy", value=["updated_at"]),
        "<custom latestBy>.value",
        "is not a column",
        "updated_at",
    ),
    (
        "load-mode-list",
        _custom("loadMode", value=["merge"]),
        "<custom loadMode>.value",
        "unknown load mode",
        "merge",
    ),
    (
        "unknown-fields-list",
        _custom("latestBy", property="unknownFields", value=["keep"]),
        "<custom unknownFields>.value",
        "unknownFields is",
        "keep",
    ),
    (
        "lineage-of-lists",
        _custom("latestBy", property="lineage", value=[["_run_id"]]),
        "<custom lineage>.value",
        "is no list of different names",
        "value: [_source_file]",
    ),
    (
        "latest-by-text",
        _custom("latestBy", value="note"),
        "<custom latestBy>.value",
        "says nothing of time",
        "updated_at",
    ),
    (
        "load-mode",
        _custom("loadMode", value="upsert"),
        "<custom loadMode>.value",
        'unknown load mode "upsert"',
        "merge",
    ),
    (
        "misspelt-custom-property",
        _custom("latestBy", property="lastestBy"),
        "<custom lastestBy>.property",
        'did you mean "latestBy"',
        "name",
    ),
    (
        "quarantine-limit",
        _custom("quarantineLimitPercent", value=120),
        "<custom quarantineLimitPercent>.value",
        "no percentage",
        "100",
    ),
    (
        "duplicate-column",
        _append(_column("customer_name")),
        "<customer_name>",
        "schema[0].properties[1].properties[1]",
        "physicalName",
    ),
    (
        "reserved-word",
        _append(_column("user")),
        "<user>",
        "reserved word",
        "physicalName: user_value",
    ),
    (
        "not-an-identifier",
        _append(_column("giftWrap")),
        "<giftWrap>",
        "plain identifier",
        "physicalName: gift_wrap",
    ),
    (
        "run-date-as-column",
        _append(_column("run_date")),
        "<run_date>",
        "date of the run",
        "physicalName",
    ),
    (
        "row-number-as-column",
        _append(_column("rowid")),
        "<rowid>",
        "DuckDB calls the number of a row",
        "physicalName: rowid_value",
    ),
    (
        "row-number-as-column-in-capitals",
        _append(_column("ROWID")),
        "<ROWID>",
        "plain identifier",
        "physicalName: rowid_value",
    ),
    (
        "no-partition",
        _remove("ingest_date"),
        "schema[0].properties",
        "no properties are partitioned",
        "ingest_date",
    ),
    (
        "partition-not-the-run-date",
        _set("ingest_date", transformLogic="order_date"),
        "<ingest_date>",
        "not the run date",
        "transformLogic: run_date",
    ),
    (
        "partition-as-key",
        _set("ingest_date", primaryKey=True),
        "<ingest_date>.primaryKey",
        "no column of the records",
        "leave it out",
    ),
    (
        "measure",
        _set("total_amount", semanticType="measure"),
        "<total_amount>.semanticType",
        "no column",
        "leave",
    ),
    (
        "derived-syntax",
        _set("total_amount", transformLogic="subtotal +"),
        "<total_amount>.transformLogic",
        "not an expression",
        "docs/contracts.md",
    ),
    (
        "derived-type",
        _set("total_amount", transformLogic="status"),
        "<total_amount>.transformLogic",
        '"status" is text, the column is DECIMAL(13, 2)',
        "type",
    ),
    (
        "derived-from-itself",
        _set("total_amount", transformLogic="total_amount + 1"),
        "<total_amount>.transformLogic",
        '"total_amount" is not a column',
        "subtotal",
    ),
    (
        "rule-syntax",
        _row_rule("subtotal >= "),
        _RULE,
        "not an expression",
        "docs/contracts.md",
    ),
    (
        "rule-unknown-column",
        _row_rule("subtotl >= 0"),
        _RULE,
        'did you mean "subtotal"',
        "subtotal",
    ),
    ("rule-types", _row_rule("status > 1"), _RULE, "mixes", "like with like"),
    ("rule-not-a-condition", _row_rule("subtotal + 1"), _RULE, "not a condition", "comparison"),
    ("rule-function", _row_rule("sqrt(subtotal) > 1"), _RULE, "subset", "coalesce"),
    ("rule-on-array", _row_rule("items is null"), _RULE, "is an array", "single values"),
    (
        "rule-without-name",
        _quality(type="custom", engine="row", implementation="subtotal >= 0"),
        "<last-quality>.name",
        "is missing",
        "add name:",
    ),
    (
        "rule-name-taken",
        _quality(name="row_count", type="custom", engine="row", implementation="subtotal >= 0"),
        _RULE,
        "taken, see schema[0].quality[3]",
        "another name",
    ),
    (
        "rule-as-warning",
        _quality(
            name="r", type="custom", engine="row", implementation="is_gift", severity="warning"
        ),
        "<last-quality>.severity",
        "always quarantined",
        "metric",
    ),
    (
        "other-engine",
        _quality(type="custom", engine="soda", implementation="row_count > 0"),
        "<last-quality>",
        "engine 'soda' is not run here",
        "engine: row",
    ),
    (
        "sql-quality",
        _quality(type="sql", query="SELECT 1", mustBe=1),
        "<last-quality>",
        "type sql",
        "engine: row",
    ),
    (
        "unknown-metric",
        _quality(metric="rowCounts", mustBe=1),
        "<last-quality>.metric",
        'did you mean "rowCount"',
        "rowCount",
    ),
    (
        "metric-in-percent",
        _set("note", quality=[{"metric": "nullValues", "mustBeLessThan": 5, "unit": "percent"}]),
        "<note>.quality[0].unit",
        "percent",
        "rows",
    ),
    (
        "metric-without-bound",
        _quality(metric="rowCount"),
        "<last-quality>",
        "exactly one of mustBe",
        "mustBe",
    ),
    (
        "bound-that-is-not-checked",
        _quality(name="some", metric="rowCount", mustNotBe=3),
        "<last-quality>",
        "no bound",
        "mustBeBetween",
    ),
    (
        "enum-of-another-type",
        _set("status", enum=[{"value": "paid"}, {"value": 7}]),
        "<status>.enum",
        "mixes a whole number and text",
        "like with like",
    ),
    (
        "pattern",
        _set("currency", logicalTypeOptions={"pattern": "^(EUR|USD)$"}),
        "<currency>.logicalTypeOptions.pattern",
        '"(" is not in the subset',
        "validValues",
    ),
    (
        "pattern-without-anchors",
        _set("currency", logicalTypeOptions={"pattern": "[A-Z]{3}"}),
        "<currency>.logicalTypeOptions.pattern",
        "not anchored",
        "^…$",
    ),
    (
        "pattern-of-a-number",
        _set(
            "subtotal",
            quality=[{"metric": "invalidValues", "mustBe": 0, "arguments": {"pattern": "^1$"}}],
        ),
        "<subtotal>.quality[0].arguments.pattern",
        "no text",
        "VARCHAR",
    ),
    (
        "unknown-type-option",
        _set("currency", logicalTypeOptions={"maxLen": 3}),
        "<currency>.logicalTypeOptions.maxLen",
        'did you mean "maxLength"',
        "leave it out",
    ),
    (
        "unchecked-type-option",
        _set("subtotal", logicalTypeOptions={"multipleOf": 5}),
        "<subtotal>.logicalTypeOptions.multipleOf",
        "not checked",
        "row rule",
    ),
    (
        "nested-array",
        lambda d: find_property(d, "items")["items"]["properties"].append(
            {"name": "tags", "logicalType": "array", "physicalType": "SUPER"}
        ),
        "<items>.items.properties[3]",
        "inside arrays",
        "ignored",
    ),
    (
        "rule-inside-array",
        lambda d: find_property(d, "items")["items"]["properties"][0].update(unique=True),
        "<items>.items.properties[0].unique",
        "no effect",
        "leave it out",
    ),
    (
        "array-without-items",
        _set("items", items=None),
        "<items>.items",
        "is missing",
        "items:",
    ),
    (
        "field-twice",
        lambda d: find_property(d, "items")["items"]["properties"].append(dict(_ITEM)),
        "<items>.items.properties[3].name",
        "twice",
        "remove",
    ),
    (
        "required-object",
        _set("customer", required=True),
        "<customer>.required",
        "no column",
        "on them",
    ),
    (
        "missing-server",
        lambda d: d["servers"].pop(1),
        "servers.raw",
        'no server "raw" for environment test',
        "server: raw",
    ),
    (
        "server-for-another-environment",
        _server("raw", environment="prod"),
        "servers.raw",
        "for environment test",
        "server: raw",
    ),
    ("misspelt-server", _server("raw", server="rwa"), "servers.raw", '"rwa"', "server: raw"),
    (
        "server-twice",
        lambda d: d["servers"].append(dict(d["servers"][1])),
        "servers[6]",
        "see servers[1]",
        "environment",
    ),
    (
        "server-type",
        _server("catalog", type="glue", account="1", database="x"),
        "<catalog>.type",
        "cannot be of type glue",
        "athena",
    ),
    (
        "unresolved-place",
        _server("source", location="${shop_api_ulr}/orders"),
        "<source>.location",
        'did you mean "shop_api_url"',
        "places",
    ),
    (
        "not-an-s3-prefix",
        _server("raw", location="s3://${raw_bucket}/raw/shop/orders"),
        "<raw>.location",
        "not an S3 prefix",
        "slash at the end",
    ),
    (
        "layers-in-one-another",
        _server("quarantine", location="s3://${processed_bucket}/processed/sales/orders/bad/"),
        "<quarantine>.location",
        "lies in the processed data",
        "prefix of its own",
    ),
    (
        "no-source-system",
        _server("source", customProperties=[]),
        "<source>.customProperties",
        "sourceSystem",
        "shop",
    ),
    (
        "latency-of-no-column",
        lambda d: d["slaProperties"][0].update(element="orders.updated"),
        "slaProperties[0].element",
        'did you mean "updated_at"',
        "orders.<column>",
    ),
    (
        "latency-without-unit",
        lambda d: d["slaProperties"][0].update(unit="fortnights"),
        "slaProperties[0]",
        "not a length of time",
        "unit: h",
    ),
]


@pytest.mark.parametrize(
    ("edit", "where", "what", "fix"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_contract_with_a_mistake_is_refused_at_its_place(
    edit: Callable[[Document], None], where: str, what: str, fix: str, tmp_path: Path
) -> None:
    with pytest.raises(ContractError) as refusal:
        edited_contract(tmp_path, edit)

    complaint = _complaint_at(str(refusal.value), _located(where, tmp_path))
    assert what in complaint
    assert fix in complaint.rpartition("fix: ")[2]
    assert "orders.odcs.yaml" in str(refusal.value)


def _located(where: str, folder: Path) -> str:
    """The path with <name> replaced by where that property or server stands in the file."""
    document = yaml.safe_load((folder / "orders.odcs.yaml").read_text("utf-8"))
    table = (document["schema"] or [{}])[0]
    places = {"last-quality": f"schema[0].quality[{len(table.get('quality', [])) - 1}]"}
    for index, each in enumerate(document["servers"]):
        places[each["server"]] = f"servers[{index}]"
    for index, each in enumerate(table.get("customProperties", [])):
        places[f"custom {each['property']}"] = f"schema[0].customProperties[{index}]"
    for index, each in enumerate(table.get("properties", [])):
        places[each["name"]] = f"schema[0].properties[{index}]"
    return re.sub(r"<([^>]+)>", lambda found: places[found[1]], where)


def _complaint_at(message: str, where: str) -> str:
    """The part of the message that is about that place."""
    if "problems:" not in message:
        assert f": {where}: " in message, message
        return message
    parts = [part for part in message.split("\n  - ") if part.startswith(f"{where}: ")]
    assert parts, message
    return parts[0].partition("\n  fix: ")[0]


def test_contract_with_several_mistakes_names_them_all(tmp_path: Path) -> None:
    def edit(document: Document) -> None:
        document["apiVersion"] = "v1"
        find_property(document, "subtotal")["physicalType"] = "MONEY"
        find_property(document, "note")["physicalType"] = "VARCHAR(0)"
        document["schema"][0]["quality"][0]["implementation"] = "delivery >= 1"
        document["servers"][0]["location"] = "${nowhere}"

    with pytest.raises(ContractError) as refusal:
        edited_contract(tmp_path, edit)

    for where in (
        "apiVersion",
        "<subtotal>.physicalType",
        "<note>.physicalType",
        "schema[0].quality[0].implementation",
        "<source>.location",
    ):
        assert _complaint_at(str(refusal.value), _located(where, tmp_path))


@pytest.mark.parametrize(
    "edit",
    [
        _set("updated_at", physicalType="TIMESTAMPZ"),
        _set("subtotal", physicalType="MONEY"),
        _set("total_amount", transformLogic="subtotal / 2"),
        lambda document: document["servers"].pop(0),
    ],
    ids=["type-of-latest-by", "type-that-rules-use", "derived", "server"],
)
def test_one_mistake_is_told_once(edit: Callable[[Document], None], tmp_path: Path) -> None:
    with pytest.raises(ContractError) as refusal:
        edited_contract(tmp_path, edit)

    assert "problems:" not in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"a: [1", "line 1, column 6"),
        (b"a: 1\na: 2\n", '"a" stands there twice at line 2'),
        (b"- a\n", "not a YAML mapping"),
        (b"", "not a YAML mapping"),
        (b"a: \xff", "not UTF-8"),
        (b"a: \x00", "not YAML"),
        (b"a: !!python/object:os.system x", "not YAML"),
        (b"schema: 3\napiVersion: v3.2.0\n", "schema"),
        (b"{1: 2}", "a key is not text"),
        (b"? [a]\n: b\n", "not YAML"),
    ],
)
def test_file_that_is_no_contract_is_refused(content: bytes, what: str, tmp_path: Path) -> None:
    (tmp_path / "orders.odcs.yaml").write_bytes(content)

    with pytest.raises(ContractError, match=r"orders\.odcs\.yaml") as refusal:
        load_contract("orders", settings=StubSettings(), folder=tmp_path)

    assert what in str(refusal.value)


@pytest.mark.parametrize("dataset", ["order", "../orders", "orders/../orders", "", "/etc/passwd"])
def test_unknown_dataset_is_refused_with_those_there_are(dataset: str) -> None:
    with pytest.raises(ContractError) as refusal:
        load_contract(dataset, settings=StubSettings())

    assert f"choose one of {', '.join(list_datasets())}" in str(refusal.value)


def test_csv_contract_with_a_nested_column_is_refused(tmp_path: Path) -> None:
    def edit(document: Document) -> None:
        document["schema"][0]["properties"].append(
            {"name": "tower", "logicalType": "object", "properties": [_column("height")]}
        )

    with pytest.raises(ContractError, match="CSV has no objects"):
        edited_contract(tmp_path, edit, dataset="airports")


def test_norway_and_dates_stay_text_in_yaml(tmp_path: Path) -> None:
    path = write_contract(tmp_path, lambda document: None)
    text = path.read_text("utf-8").replace("value: placed", "value: NO")
    path.write_text(text.replace("value: paid", "value: 2026-01-01"), "utf-8")

    contract = load_contract("orders", settings=StubSettings(), folder=tmp_path)

    rule = next(each for each in contract.rules if each.name == "status_enum")
    assert rule.description.startswith("status in ('NO', '2026-01-01'")
