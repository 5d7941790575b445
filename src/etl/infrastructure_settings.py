"""What only Terraform reads of an environment's settings: `infrastructure:` in config/."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

# CloudWatch Logs API reference, PutRetentionPolicy.
RetentionDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
]  # fmt: skip
Layer = Literal["raw", "processed", "quarantine", "artifacts", "archive"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Lifecycle(_Section):
    """What becomes of a bucket's objects, in days from their creation; None for never.

    Attributes:
        intelligent_tiering: S3 moves objects between its tiers by their use, at once.
        standard_ia_after_days: At least 30, as S3 wants it.
        glacier_after_days: To Glacier Instant Retrieval: runs have to find what they read.
        noncurrent_days: From the replacement or end of an object to that of its bytes.
        abort_uploads_days: How long the parts of an upload that never ended stay.
    """

    intelligent_tiering: bool = False
    standard_ia_after_days: int | None = Field(default=None, ge=30)
    glacier_after_days: int | None = Field(default=None, ge=1)
    expire_after_days: int | None = Field(default=None, ge=1)
    noncurrent_days: int = Field(default=30, ge=1)
    abort_uploads_days: int = Field(default=7, ge=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.intelligent_tiering and self.standard_ia_after_days:
            raise ValueError("intelligent_tiering and standard_ia_after_days exclude each other")
        days = [self.standard_ia_after_days, self.glacier_after_days, self.expire_after_days]
        given = [each for each in days if each is not None]
        if given != sorted(set(given)):
            raise ValueError("standard_ia, glacier and expire have to follow each other")
        return self


class Lifecycles(_Section):
    """Of each bucket; the archive's is in `archiver:`.

    Attributes:
        results: Of the answers that Athena leaves in the artifacts bucket.
        logs: Of the access logs.
    """

    raw: Lifecycle = Lifecycle(standard_ia_after_days=90)
    processed: Lifecycle = Lifecycle()
    quarantine: Lifecycle = Lifecycle(expire_after_days=365)
    artifacts: Lifecycle = Lifecycle()
    results: Lifecycle = Lifecycle(expire_after_days=30, noncurrent_days=1)
    logs: Lifecycle = Lifecycle(expire_after_days=365, noncurrent_days=1)


class Replication(_Section):
    """Copies in another region, in buckets named <bucket>-replica.

    Attributes:
        layers: Whose buckets are copied.
    """

    region: str
    layers: tuple[Layer, ...] = ("raw", "processed", "archive")


class Vpc(_Section):
    """Where workers stand, and the warehouse.

    Attributes:
        mode: "none" for AWS's own networks, "create" for private subnets, "existing" for yours.
        cidr, availability_zones, nat: Of the VPC that is created. Redshift Serverless wants three
            zones; without NAT only AWS is reached, by endpoints.
        vpc_id, subnet_ids, route_table_ids: Of the one that exists.
        endpoints: AWS's services that are reached without the internet.
        egress_ports: Beside 443 and the warehouse's: databases, a Prefect server.
    """

    mode: Literal["none", "create", "existing"] = "none"
    cidr: str = "10.42.0.0/16"
    availability_zones: int = Field(default=3, ge=2, le=6)
    nat: bool = True
    vpc_id: str | None = None
    subnet_ids: tuple[str, ...] = ()
    route_table_ids: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = (
        "athena",
        "ecr.api",
        "ecr.dkr",
        "ecs",
        "glue",
        "lambda",
        "logs",
        "redshift",
        "redshift-data",
        "redshift-serverless",
        "s3",
        "secretsmanager",
        "sns",
        "sqs",
        "states",
        "sts",
    )
    egress_ports: tuple[int, ...] = (5432,)

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if (self.mode == "existing") != bool(self.vpc_id and self.subnet_ids):
            raise ValueError("mode existing takes vpc_id and subnet_ids, and no other does")
        return self


class Capacity(_Section):
    """The warehouse's size and limits.

    Attributes:
        base_rpu: Redshift processing units that a query begins with (8 cost the least).
        daily_rpu_hours: Queries are refused when a day has used these; None for no limit.
        cluster_role_arns: Roles that an existing cluster has beside the COPY role: Terraform sets
            them all.
    """

    base_rpu: int = Field(default=8, ge=4, le=1024)
    daily_rpu_hours: int | None = Field(default=None, ge=1)
    cluster_role_arns: tuple[str, ...] = ()


class Alarms(_Section):
    """When somebody is told.

    Attributes:
        freshness_hours: How long a dataset may be without a run that ended well.
        dead_letter_hours: How long dead letters may wait.
        duration_percent: Of a function's time-out.
        disk_percent: Of a cluster's disks.
        emails: Get what the alerts' topic gets, once they have confirmed.
    """

    freshness_hours: int = Field(default=26, ge=1, le=168)
    dead_letter_hours: int = Field(default=24, ge=1, le=168)
    duration_percent: int = Field(default=80, ge=1, le=100)
    disk_percent: int = Field(default=80, ge=1, le=100)
    emails: tuple[str, ...] = ()


class Worker(_Section):
    """Prefect's worker on ECS, and the tasks in which it runs flows.

    Attributes:
        workers: How many wait for flow runs.
        cpu, memory_mb: Of a flow run's task; 1024 are one CPU.
        prefect_api_url: https://api.prefect.cloud/api/accounts/…/workspaces/…, or a server's.
        prefect_api_secret: The secret whose text is Prefect's API key.
        capacity_providers: FARGATE, or FARGATE_SPOT for what may be interrupted.
    """

    workers: int = Field(default=1, ge=0)
    cpu: int = Field(default=1024, ge=256)
    memory_mb: int = Field(default=4096, ge=512)
    prefect_api_url: str = Field(pattern=r"^https?://")
    prefect_api_secret: str
    capacity_providers: tuple[Literal["FARGATE", "FARGATE_SPOT"], ...] = ("FARGATE",)


class GitHub(_Section):
    """Whose workflows may deploy, by OpenID Connect.

    Attributes:
        repository: owner/name.
        makes_provider: Whether GitHub's identity provider is made here: an account has one.
    """

    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    makes_provider: bool = True


class Infrastructure(_Section):
    """How Terraform makes the environment.

    Attributes:
        deletion_protection: `destroy` is refused while a bucket holds objects or the warehouse
            data. Without it, `destroy` deletes all of that.
        encryption: "sse-kms" makes a key of one's own; S3 uses it for whoever may use the bucket.
        state_bucket: Where Terraform keeps what it knows; None for
            terraform-state-<account id>-<region>. terraform/bootstrap makes it.
        access_log_bucket: None for <artifacts bucket>-access-logs.
        replication: None for none.
        transfer_acceleration: Of the raw bucket.
        athena_scan_limit_gib: A query that would read more is cancelled.
        reserved_concurrency: By function (validator, processor, archiver, ingest, pipeline): how
            many at once. Lambda keeps that many of the account's for it.
        worker: None where flows run elsewhere.
        image_tag: Of the worker's and the flows' images. `make` gives the commit: a tag of the
            repository that Terraform makes is never given to another image.
        tracing: X-Ray, for functions and the state machine.
        secret_recovery_days: How long a deleted secret can be restored; 0 for not.
        github: None where no workflow deploys.
        tags: Of everything, beside those that Terraform gives.
    """

    deletion_protection: bool = True
    encryption: Literal["sse-s3", "sse-kms"] = "sse-s3"
    state_bucket: str | None = None
    access_log_bucket: str | None = None
    replication: Replication | None = None
    transfer_acceleration: bool = False
    lifecycle: Lifecycles = Lifecycles()
    vpc: Vpc = Vpc()
    warehouse: Capacity = Capacity()
    athena_scan_limit_gib: int = Field(default=100, ge=1)
    alarms: Alarms = Alarms()
    log_retention_days: RetentionDays = 30
    reserved_concurrency: dict[
        Literal["validator", "processor", "archiver", "ingest", "pipeline"], int
    ] = {}
    tracing: bool = False
    secret_recovery_days: int = Field(default=7, ge=0, le=30)
    worker: Worker | None = None
    image_tag: str = "latest"
    github: GitHub | None = None
    tags: dict[str, str] = {}

    @model_validator(mode="after")
    def _worker_has_a_network(self) -> Self:
        if self.worker and self.vpc.mode == "none":
            raise ValueError("worker takes a vpc of mode create or existing")
        return self
