"""An account in moto with nothing to find fault with, for the doctor."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import yaml
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from support.aws_commands import check_commands

from aws.sts import Identity
from etl.doctor.examination import ask
from etl.doctor.findings import Finding, Group
from etl.doctor.patient import Patient
from etl.settings import Settings, load_settings

ACCOUNT = "123456789012"
REGION = "eu-west-1"
CONFIG: dict[str, Any] = {
    "name": "doc",
    "region": REGION,
    "buckets": {layer: f"doc-{layer}" for layer in ("raw", "processed", "quarantine", "artifacts")},
    "glue": {"job_name": "doc-transform", "database": "doc"},
    "validator": {"function_name": "doc-validator"},
    "warehouse": {
        "kind": "cluster",
        "cluster_identifier": "doc",
        "database": "etl",
        "copy_role_arn": f"arn:aws:iam::{ACCOUNT}:role/doc-copy",
    },
    "athena": {"workgroup": "doc"},
}


@cache
def client(service: str) -> Any:
    """A client of the account; making one takes far longer than asking it."""
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


class _Clients(dict[str, Any]):
    def __contains__(self, service: object) -> bool:
        return True

    def __getitem__(self, service: str) -> Any:
        return client(service)


def make_settings(folder: Path, **changes: Any) -> Settings:
    """The environment's settings, some of their sections changed."""
    (folder / "config").mkdir(exist_ok=True)
    sections = {
        name: {**value, **changes[name]} if isinstance(value, dict) and name in changes else value
        for name, value in CONFIG.items()
    }
    plain = {name: value for name, value in changes.items() if not isinstance(value, dict)}
    (folder / "config" / "doc.yml").write_text(yaml.safe_dump(sections | plain), "utf-8")
    return load_settings("doc", root=folder)


def make_patient(settings: Settings) -> Patient:
    """The environment, as seen by a user of the account."""
    arn = f"arn:aws:iam::{ACCOUNT}:user/somebody"
    identity = Identity(account=ACCOUNT, arn=arn)
    return Patient(settings=settings, identity=identity, _clients=_Clients())


def look(patient: Patient, *groups: Group) -> dict[str, Finding]:
    """What each check finds, by its name."""
    return {each.check.strip(): each.finding for each in ask(groups, patient)}


def only_fault(found: dict[str, Finding]) -> tuple[str, Finding]:
    """The one check that is not ok, and what it found; its command is one that AWS's CLI has."""
    faults = [each for each in found.items() if each[1].state != "ok"]
    assert len(faults) == 1, faults
    check_commands(faults[0][1].fix)
    return faults[0]


@contextmanager
def refused(operation: str, code: str = "AccessDenied") -> Iterator[None]:
    """AWS refuses an operation."""
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def answer(self: BaseClient, name: str, arguments: Any) -> Any:
        if name == operation:
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, name)
        return call(self, name, arguments)

    with patch.object(BaseClient, "_make_api_call", answer):
        yield


def make_bucket(name: str, region: str = REGION) -> None:
    """A bucket that is encrypted and closed."""
    s3: Any = boto3.client("s3", region_name=region)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
    ways = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.put_public_access_block(
        Bucket=name,
        PublicAccessBlockConfiguration=dict.fromkeys(ways, True),
    )


def abort_rule(**changes: Any) -> dict[str, Any]:
    """A lifecycle rule that removes the parts of uploads that never ended."""
    days = {"DaysAfterInitiation": 3}
    rule = {"ID": "abort", "Status": "Enabled", "Filter": {"Prefix": ""}}
    return rule | {"AbortIncompleteMultipartUpload": days} | changes


def make_role(name: str, service: str) -> None:
    """A role that a service may take on."""
    principal = {"Service": f"{service}.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    client("iam").create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statement}),
    )


def make_job(**changes: Any) -> None:
    """The transform's job."""
    job = {
        "Name": "doc-transform",
        "Role": f"arn:aws:iam::{ACCOUNT}:role/doc-job",
        "Command": {"Name": "glueetl", "ScriptLocation": "s3://doc-artifacts/code/transform.py"},
        "GlueVersion": "5.1",
        "WorkerType": "G.1X",
        "NumberOfWorkers": 2,
    }
    client("glue").create_job(**job | changes)


def make_function(**changes: Any) -> None:
    """The validator's function."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("validator_handler.py", "def handle(event, context): ...")
    function = {
        "FunctionName": "doc-validator",
        "Runtime": "python3.12",
        "Handler": "validator_handler.handle",
        "Role": f"arn:aws:iam::{ACCOUNT}:role/doc-validator",
        "Code": {"ZipFile": archive.getvalue()},
        "MemorySize": 2048,
        "Timeout": 300,
    }
    client("lambda").create_function(**function | changes)


def make_cluster(*roles: str) -> None:
    """The warehouse, which may take on the roles."""
    client("redshift").create_cluster(
        ClusterIdentifier="doc",
        NodeType="ra3.large",
        MasterUsername="admin",
        MasterUserPassword="Secret123",
        IamRoles=list(roles),
    )


def make_workgroup(configuration: dict[str, Any]) -> None:
    """The queries' workgroup."""
    client("athena").create_work_group(Name="doc", Configuration=configuration)
