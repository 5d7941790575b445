"""Redshift Serverless: its API, and its place in moto's server."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import moto.backend_index
from moto.core.base_backend import BackendDict
from moto.core.responses import BaseResponse

from local_cloud.redshift.identity import database_user
from local_cloud.redshift.workgroups import URL, Record, RedshiftServerlessBackend

if TYPE_CHECKING:
    from local_cloud.redshift.service import Redshift


class RedshiftServerlessResponse(BaseResponse):
    """The Redshift Serverless API."""

    def __init__(self) -> None:
        super().__init__(service_name="redshift-serverless")

    @property
    def _backend(self) -> RedshiftServerlessBackend:
        return redshiftserverless_backends[self.current_account][self.region]

    @property
    def _request(self) -> Record:
        request: Record = json.loads(self.body or "{}")
        return request

    def create_namespace(self) -> str:
        """CreateNamespace."""
        return json.dumps({"namespace": self._backend.create_namespace(self._request)})

    def update_namespace(self) -> str:
        """UpdateNamespace."""
        return json.dumps({"namespace": self._backend.update_namespace(self._request)})

    def get_namespace(self) -> str:
        """GetNamespace."""
        found = self._backend.find_namespace(self._request["namespaceName"])
        return json.dumps({"namespace": found})

    def list_namespaces(self) -> str:
        """ListNamespaces."""
        return json.dumps({"namespaces": list(self._backend.namespaces.values())})

    def delete_namespace(self) -> str:
        """DeleteNamespace."""
        deleted = self._backend.delete_namespace(self._request["namespaceName"])
        return json.dumps({"namespace": deleted})

    def create_workgroup(self) -> str:
        """CreateWorkgroup."""
        return json.dumps({"workgroup": self._backend.create_workgroup(self._request)})

    def update_workgroup(self) -> str:
        """UpdateWorkgroup."""
        return json.dumps({"workgroup": self._backend.update_workgroup(self._request)})

    def get_workgroup(self) -> str:
        """GetWorkgroup."""
        found = self._backend.find_workgroup(self._request["workgroupName"])
        return json.dumps({"workgroup": found})

    def list_workgroups(self) -> str:
        """ListWorkgroups."""
        found = [self._backend.find_workgroup(name) for name in list(self._backend.workgroups)]
        return json.dumps({"workgroups": found})

    def delete_workgroup(self) -> str:
        """DeleteWorkgroup."""
        deleted = self._backend.delete_workgroup(self._request["workgroupName"])
        return json.dumps({"workgroup": deleted})

    def get_credentials(self) -> str:
        """GetCredentials."""
        user = database_user(self._backend.redshift.cloud, self.current_account, self.access_key)
        return json.dumps(self._backend.get_credentials(self._request, user))

    def list_tags_for_resource(self) -> str:
        """ListTagsForResource."""
        return json.dumps({"tags": self._backend.list_tags(self._request["resourceArn"])})

    def tag_resource(self) -> str:
        """TagResource."""
        self._backend.tag(self._request["resourceArn"], self._request["tags"])
        return "{}"

    def untag_resource(self) -> str:
        """UntagResource."""
        self._backend.untag(self._request["resourceArn"], self._request["tagKeys"])
        return "{}"

    def create_usage_limit(self) -> str:
        """CreateUsageLimit."""
        return json.dumps({"usageLimit": self._backend.usage_limits.create(self._request)})

    def get_usage_limit(self) -> str:
        """GetUsageLimit."""
        found = self._backend.usage_limits.find(self._request["usageLimitId"])
        return json.dumps({"usageLimit": found})

    def update_usage_limit(self) -> str:
        """UpdateUsageLimit."""
        return json.dumps({"usageLimit": self._backend.usage_limits.update(self._request)})

    def delete_usage_limit(self) -> str:
        """DeleteUsageLimit."""
        deleted = self._backend.usage_limits.delete(self._request["usageLimitId"])
        return json.dumps({"usageLimit": deleted})

    def list_usage_limits(self) -> str:
        """ListUsageLimits."""
        found = self._backend.usage_limits.of(self._request.get("resourceArn"))
        return json.dumps({"usageLimits": found})


redshiftserverless_backends = BackendDict(RedshiftServerlessBackend, "redshift-serverless")


def install(redshift: Redshift) -> None:
    """Make moto's server find this service as it finds its own."""
    RedshiftServerlessBackend.redshift = redshift
    sys.modules["moto.redshiftserverless"] = sys.modules[__name__]
    pattern = "redshiftserverless", re.compile(URL)
    if pattern not in moto.backend_index.backend_url_patterns:
        moto.backend_index.backend_url_patterns.append(pattern)


def has_workgroup(account_id: str, region: str, name: str) -> bool:
    """Whether there is such a workgroup."""
    return name in redshiftserverless_backends[account_id][region].workgroups


def masters(account_id: str, region: str) -> Iterator[tuple[str, str]]:
    """Name and password of each namespace's administrator."""
    backend = redshiftserverless_backends[account_id][region]
    for name, password in backend.passwords.items():
        yield backend.namespaces[name]["adminUsername"], password
