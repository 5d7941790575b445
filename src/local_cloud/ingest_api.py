"""The HTTP API in front of the ingestion function, from the OpenAPI file that AWS gets too."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from etl.ingest.openapi import render
from etl.model import Contract
from etl.settings import Settings
from local_cloud.context import Cloud
from local_cloud.permissions import permit


def provide_ingest_api(cloud: Cloud, settings: Settings, contracts: Iterable[Contract]) -> None:
    """Create the API or import it again if it differs, let it call, and say where it is."""
    gateway, wanted = cloud.client("apigatewayv2"), settings.ingest
    arn = f"arn:aws:lambda:{cloud.region}:{cloud.account_id}:function:{wanted.function_name}"
    document = render(settings, contracts, function_arn=arn)
    revision = hashlib.sha256(document.encode()).hexdigest()
    found = _find_api(gateway, str(wanted.api_name))
    if found is None:
        found = gateway.create_api(Name=wanted.api_name, ProtocolType="HTTP")
    if found.get("Tags", {}).get("revision") != revision:
        gateway.reimport_api(ApiId=found["ApiId"], Body=document)
        _put_stage(gateway, found["ApiId"], settings)
        arn = f"arn:aws:apigateway:{cloud.region}::/apis/{found['ApiId']}"
        gateway.tag_resource(ResourceArn=arn, Tags={"revision": revision})
    permit(
        cloud.client("lambda"),
        wanted.function_name,
        statement_id="ingest-api",
        service="apigateway.amazonaws.com",
        source_arn=f"arn:aws:execute-api:{cloud.region}:{cloud.account_id}:{found['ApiId']}/*",
    )
    cloud.exports["INGEST_API_URL"] = f"{cloud.endpoint_url}/_api/{found['ApiId']}"


def _find_api(gateway: Any, name: str) -> Any:
    found = [each for each in gateway.get_apis()["Items"] if each["Name"] == name]
    return found[0] if found else None


def _put_stage(gateway: Any, api_id: str, settings: Settings) -> None:
    limits = {
        "ThrottlingBurstLimit": settings.ingest.burst,
        "ThrottlingRateLimit": settings.ingest.requests_per_second,
    }
    stages = gateway.get_stages(ApiId=api_id)["Items"]
    if any(each["StageName"] == "$default" for each in stages):
        gateway.delete_stage(ApiId=api_id, StageName="$default")
    gateway.create_stage(
        ApiId=api_id, StageName="$default", AutoDeploy=True, DefaultRouteSettings=limits
    )
