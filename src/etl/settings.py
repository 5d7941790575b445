"""One frozen, typed settings object per environment: config/<environment>.yml, then ETL_ variables.

A variable overrides a file's value: ETL_WAREHOUSE__HOST sets `warehouse: host:`.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from aws.clients import AwsConfig
from etl.errors import SettingsError
from etl.infrastructure_settings import Infrastructure
from etl.root import ROOT


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Buckets(_Section):
    """Bucket names, one per layer; `archive` is None where nothing is archived."""

    raw: str
    processed: str
    quarantine: str
    artifacts: str
    archive: str | None = None

    @property
    def names(self) -> dict[str, str]:
        """The buckets that there are, by layer."""
        return {layer: name for layer, name in self.model_dump().items() if name}


class Glue(_Section):
    """The Spark job and the catalogue's database.

    Attributes:
        max_concurrent_runs: Of the job, one a dataset and run date.
    """

    job_name: str
    database: str
    worker_type: Literal["G.1X", "G.2X", "G.4X", "G.8X"] = "G.1X"
    number_of_workers: int = Field(default=2, ge=2)
    timeout_minutes: int = Field(default=60, ge=1)
    max_concurrent_runs: int = Field(default=10, ge=1)
    poll_seconds: float = Field(default=10, gt=0)


class Transform(_Section):
    """Which engine makes processed rows of raw lines; both give the same.

    Attributes:
        engine: "duckdb" in the flow's own process, "spark" by the Glue job, "auto" DuckDB for
            extractions whose lines fit memory_mib.
        memory_mib: What DuckDB may take; for what needs more it goes to the disk.
        threads: What DuckDB computes with; None for all that there are.
    """

    engine: Literal["auto", "duckdb", "spark"] = "auto"
    memory_mib: int = Field(default=1024, ge=256)
    threads: int | None = Field(default=None, ge=1)


class Validator(_Section):
    """The validator Lambda.

    Attributes:
        storage_mb: Room for more than a quarter of a million rows: 8 bytes each for a hash of their
            key, and for the keys themselves where two hashes are equal.
    """

    function_name: str
    memory_mb: int = Field(default=2048, ge=128, le=10240)
    storage_mb: int = Field(default=512, ge=512, le=10240)
    timeout_seconds: int = Field(default=300, ge=1, le=900)


class Warehouse(_Section):
    """Redshift: a serverless workgroup or a provisioned cluster, never both.

    Attributes:
        loader: "copy" speaks to the endpoint with psycopg2, "data-api" needs no network path.
        host: The endpoint; None asks AWS for the workgroup's or cluster's.
        db_user: For a cluster: whom GetClusterCredentials names; None for the caller's identity.
        copy_role_arn: The role that Redshift takes on to read S3.
        database_role: The role in the database that the parts of the pipeline share, each of which
            is a user of its own there; None where they are one user, as with db_user.
        sslrootcert: CA file for verify-full; None for the bundle of Amazon's CAs.
        slices: How many files COPY loads at once; a run writes a multiple of as many.
    """

    loader: Literal["copy", "data-api"] = "copy"
    kind: Literal["serverless", "cluster"]
    workgroup_name: str | None = None
    cluster_identifier: str | None = None
    host: str | None = None
    port: int = 5439
    database: str
    schema_name: str = "public"
    db_user: str | None = None
    copy_role_arn: str = Field(pattern=r"^arn:[a-z-]+:iam::\d{12}:role/[\w+=,.@/-]+$")
    database_role: str | None = Field(default=None, pattern=r"^[a-z_][a-z0-9_]{0,62}$")
    sslrootcert: Path | None = None
    slices: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        wanted, other = "workgroup_name", "cluster_identifier"
        if self.kind == "cluster":
            wanted, other = other, wanted
        if not getattr(self, wanted) or getattr(self, other):
            raise ValueError(f"kind {self.kind} takes {wanted}, and no {other}")
        return self


class Athena(_Section):
    """The workgroup that queries run in; its output location unless the workgroup sets one."""

    workgroup: str
    output_location: str | None = None


class Staging(_Section):
    """How raw objects are sent.

    Memory is bounded by upload_part_mib × (concurrency + 3) + held_mib, and what the format's
    encoders hold.

    Attributes:
        part_mib: Size on S3 at which the next raw object begins.
        upload_part_mib: Size of an S3 multipart upload's parts.
        concurrency: Requests under way at once.
        max_attempts: How often a request is tried, each time with botocore's own retries.
        open_folders: Raw objects that are written side by side, where records choose the folder.
        held_mib: Small objects wait in memory, up to this, to be one request each.
    """

    part_mib: int = Field(default=64, ge=1)
    upload_part_mib: int = Field(default=8, ge=5, le=5120)
    concurrency: int = Field(default=10, ge=1, le=32)
    max_attempts: int = Field(default=3, ge=1)
    open_folders: int = Field(default=64, ge=1)
    held_mib: int = Field(default=32, ge=0)


class Lease(_Section):
    """How a run keeps others from its dataset and run date.

    Attributes:
        seconds: A run that has not been heard of for so long has died, and another one may take
            its place. It says three times in that time that it lives.
    """

    seconds: float = Field(default=30, ge=1)


class Metrics(_Section):
    """Figures for CloudWatch.

    Attributes:
        namespace: Of the metrics.
        log_group: Where figures are logged in the embedded metric format; None sends none.
    """

    namespace: str = Field(default="etl", min_length=1, max_length=255)
    log_group: str | None = None


class OnAccept(_Section):
    """What is started when records were accepted.

    Attributes:
        start: The state machine of the environment, or a deployment of flows/full_pipeline.py.
        window_minutes: What a dataset accepts within this time is left to one run, at its end.
        deployment: <flow>/<deployment>.
        api_url: Prefect's API, e.g. https://prefect.example.com/api.
        secret: The secret that holds Prefect's API key; None where it wants none.
    """

    start: Literal["state_machine", "deployment"]
    window_minutes: int = Field(default=15, ge=1, le=60)
    deployment: str | None = Field(default=None, pattern=r"^[^/]+/[^/]+$")
    api_url: str | None = Field(default=None, pattern=r"^https?://")
    secret: str | None = None

    @model_validator(mode="after")
    def _deployment_is_known(self) -> Self:
        if self.start == "deployment" and not (self.deployment and self.api_url):
            raise ValueError("start deployment takes deployment and api_url")
        if self.secret and not str(self.api_url).startswith("https:"):
            raise ValueError("secret takes an api_url with https: the key would be seen")
        return self


class Ingest(_Section):
    """The HTTP API that takes records, and the Lambda behind it.

    Attributes:
        api_name: None where there is no API.
        auth: "iam" wants requests signed (Signature Version 4), "jwt" a token of jwt_issuer for
            one of jwt_audience.
        body_limit_mib: Lambda takes events of 6 MB, in which a body's quotes are escaped.
        batch_limit: Records in one request.
        requests_per_second, burst: What the API takes, of each route.
        cors_origins: Web pages that may call it, e.g. https://shop.example.com.
        on_accept: What is started when records were accepted; None for nothing.
    """

    api_name: str | None = None
    function_name: str = "etl-ingest"
    auth: Literal["iam", "jwt"] = "iam"
    jwt_issuer: str | None = None
    jwt_audience: tuple[str, ...] = ()
    body_limit_mib: int = Field(default=4, ge=1, le=4)
    batch_limit: int = Field(default=1000, ge=1, le=2000)
    requests_per_second: int = Field(default=100, ge=1)
    burst: int = Field(default=200, ge=1)
    cors_origins: tuple[str, ...] = ()
    on_accept: OnAccept | None = None
    memory_mb: int = Field(default=512, ge=128, le=10240)
    timeout_seconds: int = Field(default=29, ge=1, le=29)

    @model_validator(mode="after")
    def _issuer_is_known(self) -> Self:
        if self.auth == "jwt" and not (self.jwt_issuer and self.jwt_audience):
            raise ValueError("auth jwt takes jwt_issuer and jwt_audience")
        return self


class Processor(_Section):
    """The Lambda that turns incoming objects into rows, and the queues of their events.

    Attributes:
        incoming_prefix, completed_prefix: Of keys in the raw bucket: where objects arrive as
            <dataset>/<name>, and where they are moved.
        retention_days: How long messages are kept, dead letters too; SQS takes 14 at most.
        max_receive_count: How often a message is tried.
        retry_seconds: When a message that failed is tried again. One whose function crashed or ran
            out of time comes back after the queue's visibility timeout.
        object_limit_mib: The largest object, and the largest text when it is decompressed. A batch
            of such must fit the time-out: 16 MiB of CSV took 13 s of one CPU, and 360 MB.
        memory_mb: 1,769 MB have one CPU (Lambda, "Configure Lambda function memory").
    """

    function_name: str = "etl-processor"
    queue_name: str = "etl-incoming"
    dead_letter_queue_name: str = "etl-incoming-dead"
    incoming_prefix: str = Field(default="incoming/", pattern=".+/$")
    completed_prefix: str = Field(default="completed/", pattern=".+/$")
    retention_days: int = Field(default=14, ge=1, le=14)
    max_receive_count: int = Field(default=3, ge=1, le=1000)
    batch_size: int = Field(default=10, ge=1, le=10)
    retry_seconds: int = Field(default=30, ge=0, le=43200)
    object_limit_mib: int = Field(default=16, ge=1, le=64)
    memory_mb: int = Field(default=1769, ge=128, le=10240)
    timeout_seconds: int = Field(default=300, ge=1, le=900)

    @property
    def visibility_seconds(self) -> int:
        """What AWS advises (Lambda, "Using Lambda with Amazon SQS"): six times the time-out."""
        return 6 * self.timeout_seconds

    @model_validator(mode="after")
    def _moves_away(self) -> Self:
        if self.completed_prefix.startswith(self.incoming_prefix):
            raise ValueError("completed_prefix lies below incoming_prefix: moves would be events")
        return self


class StateMachine(_Section):
    """The Step Functions state machine, and the Lambda that does its steps.

    Attributes:
        poll_seconds: Before the first look at a load; later waits are longer, up to two minutes.
        wait_minutes: How long flows/heavy_batch.py waits for an execution.
        fresh_minutes: An extraction that is younger, and made after its run date had ended, is
            not made again.
    """

    name: str = Field(default="etl-full-pipeline", pattern=r"^[0-9A-Za-z_-]{1,80}$")
    function_name: str = "etl-pipeline"
    memory_mb: int = Field(default=2048, ge=128, le=10240)
    timeout_seconds: int = Field(default=900, ge=1, le=900)
    poll_seconds: int = Field(default=5, ge=1)
    fresh_minutes: int = Field(default=60, ge=0)
    wait_minutes: int = Field(default=720, ge=1)


class Alerts(_Section):
    """Whom failures are told.

    Attributes:
        topic_name: The SNS topic: a name, and Terraform makes it, or the ARN of one that there is.
            None for none.
        format: "slack" for what a Slack webhook takes.
        webhook_secret: The secret whose field "url" is a webhook that takes {"text": …}, as Slack's
            do: by it Prefect's server tells of runs that crashed or are late. None for none.
    """

    topic_name: str | None = None
    format: Literal["text", "slack"] = "text"
    webhook_secret: str | None = None


class Artifacts(_Section):
    """What Prefect's pages show of a run, to all who can open them.

    Attributes:
        quarantine_samples: Rejected rows for each of the most frequent reasons; 0 for none.
        console_links: Whether there is an AWS console to look at the environment in.
    """

    quarantine_samples: int = Field(default=3, ge=0, le=10)
    console_links: bool = True


class Archiver(_Section):
    """What becomes of old processed objects, in days of 24 hours.

    Attributes:
        function_name: The Lambda; None where only flows/archive.py archives.
        schedule: When it runs, as EventBridge says it, in UTC.
        prefix: What is archived, below the processed bucket.
        retention_days: Objects whose run date is more days ago than this are archived.
        settle_hours: What was written later than this long ago stays: a run may be at work on it.
        concurrency: Objects under way at once.
        glacier_after_days, expire_after_days: From archiving an object to its move to Glacier, and
            to its end.
        noncurrent_days: From the replacement or end of an archived object to that of its bytes.
        abort_uploads_days: How long the parts of an upload that never ended stay.
    """

    function_name: str | None = None
    rule_name: str = "etl-archiver"
    schedule: str = "cron(0 2 * * ? *)"
    prefix: str = Field(default="processed/", min_length=1)
    retention_days: int = Field(default=365, ge=1)
    settle_hours: int = Field(default=24, ge=0)
    storage_class: Literal["STANDARD_IA", "ONEZONE_IA", "GLACIER_IR"] = "STANDARD_IA"
    concurrency: int = Field(default=16, ge=1, le=32)
    memory_mb: int = Field(default=512, ge=128, le=10240)
    timeout_seconds: int = Field(default=900, ge=120, le=900)
    glacier_after_days: int = Field(default=90, ge=1)
    expire_after_days: int = Field(default=365, ge=2)
    noncurrent_days: int = Field(default=30, ge=1)
    abort_uploads_days: int = Field(default=7, ge=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.expire_after_days <= self.glacier_after_days:
            raise ValueError("expire_after_days must be above glacier_after_days")
        return self


class Workers(_Section):
    """Where deployed flows run; the work pool has the environment's name.

    Attributes:
        kind: "process" for processes beside a worker, "ecs" for tasks of their own.
        schedules: Whether deployments run by their schedules; else only when they are told.
        concurrency: Flow runs at the same time; what is more waits.
    """

    kind: Literal["process", "ecs"] = "ecs"
    schedules: bool = True
    concurrency: int = Field(default=10, ge=1)


class Settings(BaseSettings):
    """Everything that differs between environments.

    Attributes:
        name: What everything begins with that has no name of its own here, e.g. etl-dev.
        role_arn: The role that flows take on; None where they have it already, as on ECS.
        before_run: A command to run first, see `etl.environment`.
        datasets: Those that the environment has; None for each that has a contract.
        places: More names for `${…}` in contracts, beside the buckets.
        next_steps: What a run's report ends with; {dataset}, {run_date}, {next_date} and {table}
            are filled in.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="ETL_", env_nested_delimiter="__"
    )

    environment: str
    name: str = Field(pattern=r"^[a-z][a-z0-9-]{1,30}[a-z0-9]$")
    region: str
    profile: str | None = None
    role_arn: str | None = None
    before_run: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    buckets: Buckets
    datasets: tuple[str, ...] | None = None
    places: dict[str, str] = {}
    glue: Glue
    transform: Transform = Transform()
    validator: Validator
    warehouse: Warehouse
    athena: Athena
    staging: Staging = Staging()
    lease: Lease = Lease()
    metrics: Metrics = Metrics()
    ingest: Ingest = Ingest()
    processor: Processor = Processor()
    state_machine: StateMachine = StateMachine()
    alerts: Alerts = Alerts()
    archiver: Archiver = Archiver()
    artifacts: Artifacts = Artifacts()
    workers: Workers = Workers()
    infrastructure: Infrastructure = Infrastructure()

    @property
    def account_id(self) -> str:
        """The AWS account: that of the COPY role."""
        return self.warehouse.copy_role_arn.split(":")[4]

    @property
    def partition(self) -> str:
        """AWS's own, China's or the US government's: that of the COPY role."""
        return self.warehouse.copy_role_arn.split(":")[1]

    @property
    def aws(self) -> AwsConfig:
        """Who calls AWS, and where."""
        return AwsConfig(region=self.region, profile=self.profile, role_arn=self.role_arn)

    def without_role(self) -> Self:
        """The same for who runs this with credentials of their own: commands, not flows."""
        return self.model_copy(update={"role_arn": None})

    def with_choices(self, *, loader: str | None = None, engine: str | None = None) -> Self:
        """The same with what a run's options say instead of warehouse.loader, transform.engine."""
        chosen: dict[str, Any] = {}
        if loader:
            chosen["warehouse"] = self.warehouse.model_copy(update={"loader": loader})
        if engine:
            chosen["transform"] = self.transform.model_copy(update={"engine": engine})
        return self.model_copy(update=chosen)

    def places_for_contracts(self) -> dict[str, str]:
        """What `${name}` in a contract's servers stands for."""
        return {
            "environment": self.environment,
            "raw_bucket": self.buckets.raw,
            "processed_bucket": self.buckets.processed,
            "quarantine_bucket": self.buckets.quarantine,
            "artifacts_bucket": self.buckets.artifacts,
            "warehouse_database": self.warehouse.database,
            "warehouse_schema": self.warehouse.schema_name,
            "catalog_database": self.glue.database,
            **self.places,
        }

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Variables first, then what the file said."""
        return env_settings, init_settings


def list_environments(root: Path = ROOT) -> list[str]:
    """The environments that config/ describes, sorted."""
    return sorted(path.stem for path in (root / "config").glob("*.yml"))


def read_config(environment: str, *, root: Path = ROOT) -> dict[str, Any]:
    """What config/<environment>.yml says, unchecked.

    Raises:
        SettingsError: There is no such environment, or its file is no YAML mapping.
    """
    known = list_environments(root)
    if environment not in known:
        close = difflib.get_close_matches(environment, known, n=1)
        raise SettingsError(
            f'there is no environment "{environment}"'
            + (f', did you mean "{close[0]}"?' if close else ""),
            fix=f"choose one of {', '.join(known)}, or write config/<name>.yml",
        )
    path = root / "config" / f"{environment}.yml"
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"config/{path.name} is not YAML: {error}", fix="mend the file at that line"
        ) from error
    except RecursionError as error:
        raise SettingsError(
            f"config/{path.name} is nested too deeply", fix="see config/dev.yml"
        ) from error
    if not isinstance(found, dict):
        raise SettingsError(f"config/{path.name} holds no settings", fix="see config/dev.yml")
    return {"environment": environment, **found}


def load_settings(environment: str, *, root: Path = ROOT) -> Settings:
    """The settings of one environment.

    Raises:
        SettingsError: Something is missing or wrong; the message lists every such setting.
    """
    values = read_config(environment, root=root)
    try:
        return Settings(**values)
    except ValidationError as error:
        lines = [_complaint(each) for each in error.errors()]
        raise SettingsError(
            f"config/{environment}.yml, or the ETL_ variables over it, will not do:\n"
            + "\n".join(f"  - {line}" for line in lines),
            fix=f"set them in config/{environment}.yml or in the variable named beside each",
        ) from error


def _complaint(error: Any) -> str:
    path = [str(part) for part in error["loc"]]
    variable = "ETL_" + "__".join(path).upper()
    if error["type"] == "missing":
        what = "is missing"
    elif error["type"] == "extra_forbidden":
        what = "is not a setting"
        if any(word in path[-1].lower() for word in ("password", "secret", "token", "key")):
            what += "; secrets never stand in files: credentials come from AWS"
    else:
        what = error["msg"].removeprefix("Value error, ")
    return f"{'.'.join(path)} {what} ({variable})"
