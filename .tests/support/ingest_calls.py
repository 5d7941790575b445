"""Real requests to an ingestion API: signed, and again until they are answered."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from etl.ingest.openapi import render
from etl.keys import current_contract_uri, parse_s3_uri
from etl.model import Contract
from etl.settings import load_settings

# Wraps the function's code as it is deployed: one run in 20 dies, after a call of S3 that chance
# names, or when all is done but the answer.
MORTAL = """
import os, random
import ingest_handler

chance = random.Random(os.urandom(8))
left = [0]

def count(**_):
    left[0] -= 1
    if left[0] == 0:
        os._exit(1)

def handle(event, context):
    api = ingest_handler._api(context.invoked_function_arn)
    api.s3.meta.events.register("after-call.s3", count, unique_id="mortal")
    dies = chance.random() < 0.05
    left[0] = chance.randint(1, 5) if dies else -1
    answer = ingest_handler.handle(event, context)
    if dies:
        os._exit(1)
    return answer
"""


@dataclass(frozen=True)
class Caller:
    """Sends requests to one API."""

    url: str
    credentials: Any
    http: httpx.Client

    def post(self, path: str, body: bytes, **headers: str) -> httpx.Response:
        """A signed POST."""
        return self._send("POST", path, body, {"content-type": "application/json"} | headers)

    def get(self, path: str) -> httpx.Response:
        """A signed GET."""
        return self._send("GET", path, b"", {})

    def _send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        request = AWSRequest(method, f"{self.url}{path}", data=body, headers=headers)
        SigV4Auth(self.credentials, "execute-api", "us-east-1").add_auth(request)
        return self.http.request(
            method, f"{self.url}{path}", content=body, headers=dict(request.headers.items())
        )


def make_api(client: Callable[[str], Any], document: str) -> str:
    """An API of this description; its URL."""
    gateway = client("apigatewayv2")
    made = gateway.create_api(Name="of a test", ProtocolType="HTTP")
    gateway.reimport_api(ApiId=made["ApiId"], Body=document)
    gateway.create_stage(ApiId=made["ApiId"], StageName="$default", AutoDeploy=True)
    found: str = made["ApiEndpoint"]
    return found


def make_mortal_api(client: Callable[[str], Any], *, artifacts: str, contract: Contract) -> str:
    """An API like the environment's, whose function dies now and then; its URL.

    Args:
        artifacts: A bucket of its own, where the function finds only this contract.
    """
    settings = load_settings("local")
    s3, functions = client("s3"), client("lambda")
    s3.create_bucket(Bucket=artifacts)
    bucket, key = parse_s3_uri(current_contract_uri(artifacts, contract.dataset))
    s3.put_object(Bucket=bucket, Key=key, Body=contract.to_json().encode())
    given = functions.get_function(FunctionName=settings.ingest.function_name)["Configuration"]
    archive = Path(__file__).resolve().parents[2] / "build" / "host" / "ingest.zip"
    content = io.BytesIO(archive.read_bytes())
    with zipfile.ZipFile(content, "a") as file:
        file.writestr("mortal.py", MORTAL)
    variables = given["Environment"]["Variables"] | {"ARTIFACTS_BUCKET": artifacts}
    arn = functions.create_function(
        FunctionName=f"{artifacts}-ingest",
        Runtime=given["Runtime"],
        Role=given["Role"],
        Handler="mortal.handle",
        Timeout=given["Timeout"],
        MemorySize=given["MemorySize"],
        Environment={"Variables": variables},
        Code={"ZipFile": content.getvalue()},
    )["FunctionArn"]
    return make_api(client, render(settings, [contract], function_arn=arn))


def as_json(content: Any) -> bytes:
    """What a client sends."""
    return json.dumps(content).encode()
