"""Temporary database credentials and endpoints, for serverless workgroups and clusters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_redshift import RedshiftClient
    from mypy_boto3_redshift_serverless import RedshiftServerlessClient

LIFETIME_SECONDS = 900  # the shortest that both services give: one connection is all they are for


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A database user and a password that soon expires."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a warehouse listens."""

    host: str
    port: int


def get_workgroup_credentials(
    client: RedshiftServerlessClient, *, workgroup_name: str, database: str
) -> Credentials:
    """Credentials for the caller's IAM identity in a serverless workgroup."""
    answer = client.get_credentials(
        workgroupName=workgroup_name, dbName=database, durationSeconds=LIFETIME_SECONDS
    )
    return Credentials(user=answer["dbUser"], password=answer["dbPassword"])


def get_cluster_credentials(
    client: RedshiftClient, *, cluster_identifier: str, database: str, db_user: str | None = None
) -> Credentials:
    """Credentials for a database user of a cluster, or for the caller's IAM identity."""
    if db_user is None:
        identity = client.get_cluster_credentials_with_iam(
            ClusterIdentifier=cluster_identifier,
            DbName=database,
            DurationSeconds=LIFETIME_SECONDS,
        )
        return Credentials(user=identity["DbUser"], password=identity["DbPassword"])
    named = client.get_cluster_credentials(
        ClusterIdentifier=cluster_identifier,
        DbName=database,
        DbUser=db_user,
        AutoCreate=False,
        DurationSeconds=LIFETIME_SECONDS,
    )
    return Credentials(user=named["DbUser"], password=named["DbPassword"])


def find_workgroup_administrator(
    client: RedshiftServerlessClient, *, workgroup_name: str
) -> str | None:
    """The ARN of the secret of a namespace's administrator; None if AWS manages none."""
    workgroup = client.get_workgroup(workgroupName=workgroup_name)["workgroup"]
    namespace = client.get_namespace(namespaceName=workgroup["namespaceName"])["namespace"]
    return namespace.get("adminPasswordSecretArn")


def find_cluster_administrator(client: RedshiftClient, *, cluster_identifier: str) -> str | None:
    """The ARN of the secret of a cluster's administrator; None if AWS manages none."""
    clusters = client.describe_clusters(ClusterIdentifier=cluster_identifier)["Clusters"]
    return clusters[0].get("MasterPasswordSecretArn")


def find_workgroup_endpoint(client: RedshiftServerlessClient, *, workgroup_name: str) -> Endpoint:
    """The endpoint of a serverless workgroup."""
    found = client.get_workgroup(workgroupName=workgroup_name)["workgroup"]["endpoint"]
    return Endpoint(host=found["address"], port=found["port"])


def find_cluster_endpoint(client: RedshiftClient, *, cluster_identifier: str) -> Endpoint:
    """The endpoint of a provisioned cluster."""
    clusters = client.describe_clusters(ClusterIdentifier=cluster_identifier)["Clusters"]
    found = clusters[0]["Endpoint"]
    return Endpoint(host=found["Address"], port=found["Port"])
