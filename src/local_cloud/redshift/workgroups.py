"""The namespaces and workgroups of Redshift Serverless, which moto does not have."""

from __future__ import annotations

import json
import re
import secrets
import uuid
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from moto.core.base_backend import BaseBackend
from moto.secretsmanager.models import secretsmanager_backends

from local_cloud.redshift.credentials import MAX_SECONDS, MIN_SECONDS
from local_cloud.redshift.identity import DatabaseUser
from local_cloud.redshift.postgres import ADMIN, DEFAULT_DATABASE
from local_cloud.redshift.serverless_errors import ServerlessError
from local_cloud.redshift.usage_limits import UsageLimits

if TYPE_CHECKING:
    from local_cloud.redshift.service import Redshift

URL = r"https?://redshift-serverless\.(.+)\.amazonaws\.com"
_NAME = re.compile(r"[a-z0-9-]{3,64}")
_DEFAULT_CAPACITY = 128
_DEFAULT_PORT = 5439

Record = dict[str, Any]


class RedshiftServerlessBackend(BaseBackend):
    """The namespaces and workgroups of a region; all lead to the one engine."""

    redshift: Redshift

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.namespaces: dict[str, Record] = {}
        self.workgroups: dict[str, Record] = {}
        self.passwords: dict[str, str] = {}  # of administrators, by namespace
        self.tags: dict[str, list[dict[str, str]]] = {}
        self.usage_limits = UsageLimits(
            f"arn:aws:redshift-serverless:{region_name}:{account_id}",
        )

    @property
    def _url_module(self) -> Any:
        from local_cloud.redshift.serverless import RedshiftServerlessResponse

        return SimpleNamespace(
            url_bases=[URL], url_paths={"{0}/$": RedshiftServerlessResponse.dispatch}
        )

    def create_namespace(self, request: Record) -> Record:
        """A namespace and its first database."""
        name = _checked_name(request, "namespaceName", self.namespaces)
        database = request.get("dbName") or DEFAULT_DATABASE
        self.redshift.ensure_database(database)
        identifier = str(uuid.uuid4())
        namespace = {
            "namespaceName": name,
            "namespaceId": identifier,
            "namespaceArn": self._arn("namespace", identifier),
            "adminUsername": request.get("adminUsername", ADMIN),
            "dbName": database,
            "defaultIamRoleArn": request.get("defaultIamRoleArn", ""),
            "iamRoles": request.get("iamRoles", []),
            "kmsKeyId": "AWS_OWNED_KMS_KEY",
            "logExports": request.get("logExports", []),
            "status": "AVAILABLE",
            "creationDate": _now(),
        }
        if password := request.get("adminUserPassword"):
            self.passwords[name] = password
        if request.get("manageAdminPassword"):
            namespace |= self._manage_password(name, str(namespace["adminUsername"]))
        self.tag(str(namespace["namespaceArn"]), request.get("tags", []))
        self.namespaces[name] = namespace
        return namespace

    def _manage_password(self, name: str, user: str) -> Record:
        """A password that nobody is told, in a secret; what the namespace says of it."""
        self.passwords[name] = secrets.token_urlsafe(24)
        backend = secretsmanager_backends[self.account_id][self.region_name]
        secret = backend.create_managed_secret(
            "redshift",
            f"redshift!{name}-{user}",
            secret_string=json.dumps({"username": user, "password": self.passwords[name]}),
            force_overwrite=True,
        )
        return {"adminPasswordSecretArn": secret.arn}

    def update_namespace(self, request: Record) -> Record:
        """Change what can be changed of a namespace."""
        namespace = self.find_namespace(request["namespaceName"])
        for key in ("adminUsername", "defaultIamRoleArn", "iamRoles", "logExports"):
            namespace[key] = request.get(key, namespace[key])
        if password := request.get("adminUserPassword"):
            self.passwords[request["namespaceName"]] = password
        return namespace

    def delete_namespace(self, name: str) -> Record:
        """Forget a namespace; its database stays, as others may share it."""
        namespace = self.find_namespace(name)
        if any(group["namespaceName"] == name for group in self.workgroups.values()):
            raise ServerlessError("ConflictException", f"Namespace {name} has a workgroup.")
        self.passwords.pop(name, None)
        if arn := namespace.get("adminPasswordSecretArn"):
            secrets_of = secretsmanager_backends[self.account_id][self.region_name]
            secrets_of.secrets.pop(arn)
        del self.namespaces[name]
        return namespace | {"status": "DELETING"}

    def find_namespace(self, name: str) -> Record:
        """The namespace of this name."""
        if name not in self.namespaces:
            raise ServerlessError("ResourceNotFoundException", f"Namespace {name} was not found.")
        return self.namespaces[name]

    def create_workgroup(self, request: Record) -> Record:
        """A workgroup of a namespace."""
        name = _checked_name(request, "workgroupName", self.workgroups)
        self.find_namespace(request["namespaceName"])
        identifier = str(uuid.uuid4())
        workgroup = {
            "workgroupName": name,
            "workgroupId": identifier,
            "workgroupArn": self._arn("workgroup", identifier),
            "namespaceName": request["namespaceName"],
            "baseCapacity": request.get("baseCapacity", _DEFAULT_CAPACITY),
            "configParameters": request.get("configParameters", []),
            "enhancedVpcRouting": request.get("enhancedVpcRouting", False),
            "publiclyAccessible": request.get("publiclyAccessible", False),
            "securityGroupIds": request.get("securityGroupIds", []),
            "subnetIds": request.get("subnetIds", []),
            "port": request.get("port", _DEFAULT_PORT),
            "status": "AVAILABLE",
            "creationDate": _now(),
        }
        self.workgroups[name] = workgroup
        self.tag(str(workgroup["workgroupArn"]), request.get("tags", []))
        return self.find_workgroup(name)

    def update_workgroup(self, request: Record) -> Record:
        """Change what can be changed of a workgroup."""
        self.find_workgroup(request["workgroupName"])
        stored = self.workgroups[request["workgroupName"]]
        stored.update({k: v for k, v in request.items() if k in stored})
        return self.find_workgroup(request["workgroupName"])

    def delete_workgroup(self, name: str) -> Record:
        """Forget a workgroup."""
        found = self.find_workgroup(name)
        del self.workgroups[name]
        return found | {"status": "DELETING"}

    def find_workgroup(self, name: str) -> Record:
        """The workgroup of this name, with where it listens now."""
        if name not in self.workgroups:
            raise ServerlessError("ResourceNotFoundException", f"Workgroup {name} was not found.")
        endpoint = {"address": self.redshift.host, "port": self.redshift.port}
        return self.workgroups[name] | {"endpoint": endpoint}

    def get_credentials(self, request: Record, user: DatabaseUser) -> Record:
        """Credentials of the caller's IAM identity, as a database user of its own."""
        self.find_workgroup(request.get("workgroupName", ""))
        seconds = request.get("durationSeconds", MIN_SECONDS)
        if not MIN_SECONDS <= seconds <= MAX_SECONDS:
            raise ServerlessError(
                "ValidationException",
                f"durationSeconds must be between {MIN_SECONDS} and {MAX_SECONDS}",
            )
        issued = self.redshift.credentials.issue_to(
            user, seconds=seconds, database=request.get("dbName", "")
        )
        return {
            "dbUser": issued.user,
            "dbPassword": issued.password,
            "expiration": issued.expires.timestamp(),
            "nextRefreshTime": issued.expires.timestamp() - seconds / 2,
        }

    def list_tags(self, arn: str) -> list[dict[str, str]]:
        """The tags of a resource."""
        return self.tags.get(arn, [])

    def tag(self, arn: str, tags: list[dict[str, str]]) -> None:
        """Give a resource tags, beside those that it has."""
        given = {each["key"] for each in tags}
        kept = [each for each in self.list_tags(arn) if each["key"] not in given]
        self.tags[arn] = kept + tags

    def untag(self, arn: str, keys: list[str]) -> None:
        """Take tags from a resource."""
        self.tags[arn] = [each for each in self.list_tags(arn) if each["key"] not in keys]

    def _arn(self, kind: str, identifier: str) -> str:
        return (
            f"arn:aws:redshift-serverless:{self.region_name}:{self.account_id}:{kind}/{identifier}"
        )


def _checked_name(request: Record, key: str, existing: Record) -> str:
    name: str = request.get(key, "")
    if not _NAME.fullmatch(name):
        raise ServerlessError(
            "ValidationException",
            f"{key} must be 3 to 64 lowercase letters, digits and hyphens, not '{name}'",
        )
    if name in existing:
        raise ServerlessError("ConflictException", f"{key} {name} already exists.")
    return name


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
