"""Which roles a warehouse may take on, for COPY and UNLOAD."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_redshift import RedshiftClient
    from mypy_boto3_redshift_serverless import RedshiftServerlessClient

# A namespace names a role as its ARN, or as "IamRole(applyStatus=in-sync, iamRoleArn=arn:…)".
_ROLE_ARN = re.compile(r"arn:[^,\s)]+")


def list_workgroup_roles(client: RedshiftServerlessClient, *, workgroup_name: str) -> list[str]:
    """The ARNs of the roles of a serverless workgroup's namespace."""
    workgroup = client.get_workgroup(workgroupName=workgroup_name)["workgroup"]
    namespace = client.get_namespace(namespaceName=workgroup["namespaceName"])["namespace"]
    return [arn for role in namespace.get("iamRoles", []) for arn in _ROLE_ARN.findall(role)]


def list_cluster_roles(client: RedshiftClient, *, cluster_identifier: str) -> list[str]:
    """The ARNs of a provisioned cluster's roles."""
    clusters = client.describe_clusters(ClusterIdentifier=cluster_identifier)["Clusters"]
    return [role["IamRoleArn"] for role in clusters[0].get("IamRoles", [])]
