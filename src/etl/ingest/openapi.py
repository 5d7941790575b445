"""The API's description for one environment, from api-gateway/openapi.yaml and the contracts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from string import Template
from typing import Any

import yaml

from etl.ingest.api import why_not_ingested
from etl.ingest.schemas import record_schema
from etl.model import Contract
from etl.root import ROOT
from etl.settings import Settings

TEMPLATE = ROOT / "api-gateway" / "openapi.yaml"

_MIB = 1024 * 1024
_CORS_METHODS = ["GET", "POST", "OPTIONS"]
_CORS_HEADERS = ["authorization", "content-type", "idempotency-key"]
_CORS_SECONDS = 600


def render(
    settings: Settings,
    contracts: Iterable[Contract],
    *,
    function_arn: str,
    template: Path = TEMPLATE,
) -> str:
    """The OpenAPI document that API Gateway imports, as YAML.

    Args:
        contracts: Any; those whose records can be sent become request models.
    """
    wanted = settings.ingest
    names = {
        "api_name": wanted.api_name or "",
        "function_arn": function_arn,
        "jwt_issuer": wanted.jwt_issuer or "",
    }
    text = template.read_text(encoding="utf-8")
    document: dict[str, Any] = _fill(yaml.safe_load(text), names)
    _choose_security(document, settings)
    _put_models(document, contracts, limit=wanted.batch_limit)
    if wanted.cors_origins:
        document["x-amazon-apigateway-cors"] = {
            "allowOrigins": list(wanted.cors_origins),
            "allowMethods": _CORS_METHODS,
            "allowHeaders": _CORS_HEADERS,
            "maxAge": _CORS_SECONDS,
        }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


def function_environment(settings: Settings) -> dict[str, str]:
    """The variables of the function behind the API."""
    wanted = settings.ingest
    variables = {
        "ARTIFACTS_BUCKET": settings.buckets.artifacts,
        "BODY_LIMIT_BYTES": str(wanted.body_limit_mib * _MIB),
        "BATCH_LIMIT": str(wanted.batch_limit),
    }
    if wanted.on_accept is not None:
        named = {
            "environment": settings.environment,
            "state_machine": settings.state_machine.name,
        }
        variables["ON_ACCEPT"] = json.dumps(wanted.on_accept.model_dump() | named)
    return variables


def _fill(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _fill(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [_fill(each, names) for each in value]
    return Template(value).safe_substitute(names) if isinstance(value, str) else value


def _choose_security(document: dict[str, Any], settings: Settings) -> None:
    wanted = settings.ingest
    schemes = document["components"]["securitySchemes"]
    document["components"]["securitySchemes"] = {wanted.auth: schemes[wanted.auth]}
    if wanted.auth == "jwt":
        authorizer = schemes["jwt"]["x-amazon-apigateway-authorizer"]
        authorizer["jwtConfiguration"]["audience"] = list(wanted.jwt_audience)
    for operation in document["paths"]["/ingest/{name}"].values():
        operation["security"] = [{wanted.auth: []}]


def _put_models(document: dict[str, Any], contracts: Iterable[Contract], *, limit: int) -> None:
    models = {
        each.dataset: record_schema(each) for each in contracts if why_not_ingested(each) is None
    }
    schemas = document["components"]["schemas"]
    schemas["Record"]["anyOf"] = [{"$ref": f"#/components/schemas/{name}"} for name in models]
    schemas |= models
    operation = document["paths"]["/ingest/{name}"]["post"]
    operation["parameters"][0]["schema"]["enum"] = list(models)
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    body["oneOf"][1]["maxItems"] = limit
