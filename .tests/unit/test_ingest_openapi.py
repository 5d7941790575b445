"""The API's description: valid as it stands, and made whole from settings and contracts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

import jsonschema
import pytest
import yaml
from support.contracts import StubSettings

from etl.contracts import list_datasets, load_contract
from etl.ingest.openapi import TEMPLATE, render
from etl.ingest.schemas import record_schema
from etl.judge import Judge, Rejected
from etl.model import Contract
from etl.settings import Ingest, Settings, load_settings
from local_cloud.demo_events import make_events

ARN = "arn:aws:lambda:eu-west-1:000000000000:function:etl-dev-ingest"
CONTRACTS = [load_contract(each, settings=StubSettings()) for each in list_datasets()]


def rendered(**changes: Any) -> dict[str, Any]:
    settings: Settings = load_settings("dev")
    ingest = Ingest(**settings.ingest.model_dump() | changes)
    text = render(settings.model_copy(update={"ingest": ingest}), CONTRACTS, function_arn=ARN)
    assert "${" not in text
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (each for key, each in node.items() if key == "$ref")
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from references(each)


def find(document: dict[str, Any], reference: str) -> Any:
    node: Any = document
    for step in reference.removeprefix("#/").split("/"):
        node = node[step]
    return node


def as_json_schema(schema: Any) -> Any:
    """OpenAPI 3.0's nullable, as JSON schema says it."""
    if isinstance(schema, list):
        return [as_json_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: as_json_schema(each) for key, each in schema.items() if key != "nullable"}
    return {"anyOf": [found, {"type": "null"}]} if schema.get("nullable") is True else found


@pytest.mark.parametrize("document", [yaml.safe_load(TEMPLATE.read_text()), rendered()])
def test_description_holds_together(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.0.1"
    assert len(document["info"]["description"]) > 100
    for each in references(document):
        assert find(document, each)
    for path, item in document["paths"].items():
        for operation in item.values():
            names = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert names == set(re.findall(r"\{(\w+)\}", path))
            assert operation["x-amazon-apigateway-integration"]["payloadFormatVersion"] == "2.0"
            schemes = document["components"]["securitySchemes"]
            assert all(name in schemes for each in operation["security"] for name in each)


def test_render_fills_in_the_function_and_the_streams() -> None:
    document = rendered(batch_limit=7)
    post = document["paths"]["/ingest/{name}"]["post"]
    assert post["x-amazon-apigateway-integration"]["uri"] == ARN
    assert post["parameters"][0]["schema"]["enum"] == ["events"]
    body = post["requestBody"]["content"]["application/json"]["schema"]
    assert body["oneOf"][1]["maxItems"] == 7
    assert document["components"]["schemas"]["Record"]["anyOf"] == [
        {"$ref": "#/components/schemas/events"}
    ]
    assert document["info"]["title"] == load_settings("dev").ingest.api_name
    assert "x-amazon-apigateway-cors" not in document


def test_render_with_iam_wants_signatures() -> None:
    document = rendered()
    assert list(document["components"]["securitySchemes"]) == ["iam"]
    for operation in document["paths"]["/ingest/{name}"].values():
        assert operation["security"] == [{"iam": []}]


def test_render_with_jwt_wants_tokens_of_the_issuer() -> None:
    document = rendered(
        auth="jwt", jwt_issuer="https://id.example.com", jwt_audience=("shop", "app")
    )
    (scheme,) = document["components"]["securitySchemes"].values()
    assert scheme["x-amazon-apigateway-authorizer"]["jwtConfiguration"] == {
        "issuer": "https://id.example.com",
        "audience": ["shop", "app"],
    }
    for operation in document["paths"]["/ingest/{name}"].values():
        assert operation["security"] == [{"jwt": []}]


def test_render_with_origins_allows_them() -> None:
    cors = rendered(cors_origins=("https://shop.example.com",))["x-amazon-apigateway-cors"]
    assert cors["allowOrigins"] == ["https://shop.example.com"]
    assert "idempotency-key" in cors["allowHeaders"]


def test_settings_jwt_without_an_issuer_is_refused() -> None:
    with pytest.raises(ValueError, match="auth jwt takes jwt_issuer and jwt_audience"):
        Ingest(auth="jwt")


def test_record_schema_takes_what_the_contract_takes() -> None:
    contract = next(each for each in CONTRACTS if each.dataset == "events")
    schema = jsonschema.Draft202012Validator(as_json_schema(record_schema(contract)))
    judge = Judge(contract, date(2026, 1, 31))
    good = bad = 0
    for event in islice(make_events(seed=1, start=datetime(2026, 1, 31, tzinfo=UTC)), 500):
        if isinstance(judge(json.dumps(event)), Rejected):
            bad += 1
        else:
            schema.validate(event)
            good += 1
    assert good > 450 and bad > 5
    for broken in ({}, {"page": None}):
        with pytest.raises(jsonschema.ValidationError):
            schema.validate(broken)


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda each: each.dataset)
def test_record_schema_of_every_contract_is_one(contract: Contract) -> None:
    jsonschema.Draft202012Validator.check_schema(as_json_schema(record_schema(contract)))
