"""What Terraform does on AWS, for the embedded cloud: everything that config/local.yml names.

Run whenever somebody attaches, so that the next run finds what has changed in code or
configuration; what is as it should be is left alone. It reads the file, not a run's ETL_ variables:
a run that names a bucket that nobody created finds none.
"""

from __future__ import annotations

import hashlib
import importlib.util
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from aws.redshift.data_api import Target
from aws.s3 import get_bytes
from etl.contracts import datasets_of
from etl.deploy import publish_contracts
from etl.errors import EtlError
from etl.infrastructure.functions import LambdaFunction, lambda_functions
from etl.infrastructure.glue_job import job_definition
from etl.infrastructure.lifecycle import RESULTS_PREFIX
from etl.keys import current_contract_uri, parse_s3_uri
from etl.model import Contract
from etl.root import ROOT
from etl.settings import Settings, load_settings
from etl.state_machine import render, state_machine_arn
from etl.warehouse.executor import DataApiExecutor
from etl.warehouse.sharing import schemas_of, share
from local_cloud import archiving, incoming
from local_cloud.alert_webhook import provide_alert_webhook
from local_cloud.buckets import put_buckets
from local_cloud.context import Cloud
from local_cloud.demo_files import put_demo_files
from local_cloud.ingest_api import provide_ingest_api
from local_cloud.roles import arn_of, provide_roles
from local_cloud.shop_database import provide_shop_database
from local_cloud.shop_token import ShopToken

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_EXISTS = {
    "AlreadyExistsException",
    "BucketAlreadyOwnedByYou",
    "ConflictException",
    "EntityAlreadyExists",
    "ResourceAlreadyExistsException",
}
_ABSENT = {
    "404",
    "EntityNotFoundException",
    "ResourceNotFoundException",
    "StateMachineDoesNotExist",
}


def provision(cloud: Cloud) -> None:
    """Create what is missing and update what differs."""
    settings = load_settings("local")
    built = _build()
    put_buckets(cloud.client("s3"), settings)
    _warehouse(cloud, settings)
    contracts = _contracts(cloud, settings)
    provide_roles(cloud, settings, contracts)
    _share_warehouse(cloud, settings, contracts)
    _glue(cloud, settings, built["etl"])
    incoming.put_queues(cloud, settings)
    for function in lambda_functions(settings, cloud.account_id):
        _function(cloud, settings, function, built[function.key])
    incoming.connect(cloud, settings)
    if settings.archiver.function_name:
        archiving.schedule(cloud, settings)
    if settings.ingest.api_name:
        provide_ingest_api(cloud, settings, contracts)
    _athena(cloud, settings)
    _metrics(cloud, settings)
    _state_machine(cloud, settings)
    provide_alert_webhook(cloud, settings)
    ShopToken(cloud).provide()
    provide_shop_database(cloud)
    put_demo_files(cloud.client("s3"), settings)


def _build() -> dict[str, Path]:
    """The archives that AWS would run, built for this machine; fresh ones are left alone."""
    spec = importlib.util.spec_from_file_location("package", ROOT / "tools" / "package.py")
    assert spec and spec.loader
    package = importlib.util.module_from_spec(spec)  # read anew: the daemon outlives edits
    spec.loader.exec_module(package)
    built: dict[str, Path] = package.build("host")
    return built


def _create(call: Callable[..., Any], **arguments: Any) -> bool:
    """Create something; False if it is there already."""
    try:
        call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _EXISTS:
            raise
        return False
    return True


def _find(call: Callable[..., Any], **arguments: Any) -> Any:
    """What a call finds, or None if there is no such thing."""
    try:
        return call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _ABSENT:
            raise
        return None


def _upload(cloud: Cloud, settings: Settings, key: str, content: bytes) -> str:
    """Put a file of code where AWS reads it; the URI."""
    s3, bucket = cloud.client("s3"), settings.buckets.artifacts
    found = _find(s3.head_object, Bucket=bucket, Key=key)
    if not found or found["ETag"].strip('"') != hashlib.md5(content).hexdigest():
        s3.put_object(Bucket=bucket, Key=key, Body=content)
    return f"s3://{bucket}/{key}"


def _glue(cloud: Cloud, settings: Settings, etl_zip: Path) -> None:
    glue, wanted = cloud.client("glue"), settings.glue
    _create(glue.create_database, DatabaseInput={"Name": wanted.database})
    script = (ROOT / "_glue-job" / "transform.py").read_bytes()
    library = _upload(cloud, settings, "code/etl.zip", etl_zip.read_bytes())
    uri = _upload(cloud, settings, "code/transform.py", script)
    definition = job_definition(settings, script=uri, library=library)
    job = {"Role": arn_of(cloud, settings, "transform"), **definition}
    found = _find(glue.get_job, JobName=wanted.job_name)
    if not found:
        glue.create_job(Name=wanted.job_name, **job)
    elif any(found["Job"].get(name) != value for name, value in job.items()):
        glue.update_job(JobName=wanted.job_name, JobUpdate=job)


def _function(cloud: Cloud, settings: Settings, wanted: LambdaFunction, archive: Path) -> None:
    """A function from its archive, and its log group, which its role need not make."""
    functions, bucket = cloud.client("lambda"), settings.buckets.artifacts
    group = f"/aws/lambda/{wanted.name}"
    _create(cloud.client("logs").create_log_group, logGroupName=group)
    state = archive.stat()
    revision = f"{state.st_size}-{state.st_mtime_ns}"  # it may be large; the same is not rewritten
    configuration: dict[str, Any] = {
        "Role": arn_of(cloud, settings, wanted.key),
        "Runtime": wanted.runtime,
        "Handler": wanted.handler,
        "Timeout": wanted.timeout_seconds,
        "MemorySize": wanted.memory_mb,
        "EphemeralStorage": {"Size": wanted.storage_mb},
    }
    if wanted.environment:
        configuration["Environment"] = {"Variables": wanted.environment}
    found = _find(functions.get_function, FunctionName=wanted.name)
    if not found or found.get("Tags", {}).get("revision") != revision:
        key = f"code/{archive.name}"
        cloud.client("s3").upload_file(str(archive), bucket, key)
        code = {"S3Bucket": bucket, "S3Key": key}
        if found:
            functions.update_function_code(FunctionName=wanted.name, **code)
        else:
            functions.create_function(FunctionName=wanted.name, Code=code, **configuration)
        arn = functions.get_function(FunctionName=wanted.name)["Configuration"]["FunctionArn"]
        functions.tag_resource(Resource=arn, Tags={"revision": revision})
    if found and any(found["Configuration"].get(k) != v for k, v in configuration.items()):
        functions.update_function_configuration(FunctionName=wanted.name, **configuration)
    if wanted.retries is not None:
        functions.put_function_event_invoke_config(
            FunctionName=wanted.name, MaximumRetryAttempts=wanted.retries
        )


def _contracts(cloud: Cloud, settings: Settings) -> list[Contract]:
    """Compiled contracts for the functions; compiling takes a second, so only after a change."""
    digest = hashlib.sha256(settings.model_dump_json().encode())
    sources = [*(ROOT / "config" / "contracts").iterdir(), *(ROOT / "src" / "etl").rglob("*.py")]
    for path in sorted(sources):
        digest.update(f"{path.name} {path.stat().st_mtime_ns}".encode())
    s3 = cloud.client("s3")
    marker = {"Bucket": settings.buckets.artifacts, "Key": "contracts/revision"}
    found = _find(s3.head_object, **marker)
    if not found or found["Metadata"].get("digest") != digest.hexdigest():
        publish_contracts(settings, s3=s3)
        s3.put_object(**marker, Metadata={"digest": digest.hexdigest()})
    return [_read_contract(cloud, settings, dataset) for dataset in datasets_of(settings)]


def _read_contract(cloud: Cloud, settings: Settings, dataset: str) -> Contract:
    bucket, key = parse_s3_uri(current_contract_uri(settings.buckets.artifacts, dataset))
    return Contract.from_json(get_bytes(cloud.client("s3"), bucket=bucket, key=key).decode())


def _warehouse(cloud: Cloud, settings: Settings) -> None:
    wanted = settings.warehouse
    cloud.exports["PGDATABASE"] = wanted.database
    serverless = cloud.client("redshift-serverless")
    _create(
        serverless.create_namespace,
        namespaceName=wanted.workgroup_name,
        dbName=wanted.database,
        iamRoles=[wanted.copy_role_arn],
    )
    _create(
        serverless.create_workgroup,
        workgroupName=wanted.workgroup_name,
        namespaceName=wanted.workgroup_name,
    )


def _share_warehouse(cloud: Cloud, settings: Settings, contracts: list[Contract]) -> None:
    """The database role of the pipeline's parts, once for a namespace: it is told by a tag."""
    wanted, serverless = settings.warehouse, cloud.client("redshift-serverless")
    found = serverless.get_namespace(namespaceName=wanted.workgroup_name)["namespace"]
    arn, tag = found["namespaceArn"], {"key": "shared-as", "value": wanted.database_role}
    if tag in serverless.list_tags_for_resource(resourceArn=arn)["tags"]:
        return
    executor = DataApiExecutor(
        cloud.client("redshift-data"),
        target=Target(database=wanted.database, workgroup_name=wanted.workgroup_name),
        label="share-warehouse",
    )
    role, schemas = str(wanted.database_role), schemas_of(contracts)
    share(executor, role, database=wanted.database, schemas=schemas)
    serverless.tag_resource(resourceArn=arn, tags=[tag])


def _athena(cloud: Cloud, settings: Settings) -> None:
    athena = cloud.client("athena")
    existing = {group["Name"] for group in athena.list_work_groups()["WorkGroups"]}
    if settings.athena.workgroup not in existing:
        output = f"s3://{settings.buckets.artifacts}/{RESULTS_PREFIX}"
        athena.create_work_group(
            Name=settings.athena.workgroup,
            Configuration={
                "ResultConfiguration": {"OutputLocation": output},
                "EnforceWorkGroupConfiguration": True,
            },
        )


def _metrics(cloud: Cloud, settings: Settings) -> None:
    if settings.metrics.log_group:
        _create(cloud.client("logs").create_log_group, logGroupName=settings.metrics.log_group)


def _state_machine(cloud: Cloud, settings: Settings) -> None:
    """The state machine, and the topic of its alerts."""
    wanted = settings.state_machine
    cloud.client("sns").create_topic(Name=settings.alerts.topic_name)
    role = arn_of(cloud, settings, "state_machine")
    states = cloud.client("stepfunctions")
    definition = render(settings, cloud.account_id)
    arn = state_machine_arn(settings, cloud.account_id)
    found = _find(states.describe_state_machine, stateMachineArn=arn)
    if not found:
        states.create_state_machine(name=wanted.name, definition=definition, roleArn=role)
    elif found["definition"] != definition:
        states.update_state_machine(stateMachineArn=arn, definition=definition, roleArn=role)


def provisioning(cloud: Cloud, on_change: Callable[[], None]) -> WSGIApplication:
    """The application behind /_cloud/provision: 204, or 500 and why as text.

    Args:
        on_change: Called when what `env` prints may have changed.
    """
    lock = threading.Lock()

    def application(_environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        try:
            with lock:
                provision(cloud)
                on_change()
        except Exception as error:
            traceback.print_exc()
            what = str(error) if isinstance(error, EtlError) else f"{type(error).__name__}: {error}"
            content = f"cannot set up what config/local.yml names: {what}".encode()
            start_response("500 Internal Server Error", [("Content-Length", str(len(content)))])
            return [content]
        start_response("204 No Content", [])
        return []

    return application
