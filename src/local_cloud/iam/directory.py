"""What a request means by a name: the ARN, or what else only the services know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from moto.s3.models import FakeKey

from local_cloud.iam.backends import look_at

_ALL = "*"


class Directory:
    """What stands in one account and region."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id, self.region = account_id, region

    @property
    def converters(self) -> Mapping[str, Callable[[str], str]]:
        """What operations.yml calls by name."""
        return {
            "bus": lambda name: name.rpartition("/")[2],
            "function": self.function,
            "function_of_mapping": self.function_of_mapping,
            "key": self.key,
            "namespace": lambda name: self._redshift("namespace", name),
            "owner_of_statement": self.owner_of_statement,
            "parameter": lambda name: name.strip("/"),
            "queue": self.queue,
            "role": lambda name: self._identity("role", name),
            "secret": self.secret,
            "user": lambda name: self._identity("user", name),
            "workgroup": lambda name: self._redshift("workgroup", name),
            "workgroup_of_named_query": self.workgroup_of_named_query,
            "workgroup_of_query": self.workgroup_of_query,
        }

    def function(self, name: str) -> str:
        """The ARN of a function, by its name, a part of its ARN, or all of it."""
        if name.startswith("arn:"):
            return name
        partial = name.partition(":function:")[2] or name
        return self._arn("lambda", f"function:{partial}")

    def function_of_mapping(self, mapping_id: str) -> str:
        """The ARN of the function of an event source mapping."""
        backend = self._look_at("lambda")
        found = backend and backend._event_source_mappings.get(mapping_id)
        return str(found.function_arn) if found else _ALL

    def key(self, name: str) -> str:
        """The ARN of a key, by its id, its alias, or the ARN of either."""
        plain = name.rpartition(":")[2].removeprefix("key/")
        if plain.startswith("alias/") and (backend := self._look_at("kms")):
            plain = backend.get_key_id_from_alias(plain) or plain
        return self._arn("kms", f"key/{plain}")

    def secret(self, name: str) -> str:
        """The ARN of a secret, with the six characters at its end if there is such a secret."""
        backend = self._look_at("secretsmanager")
        if found := backend and backend.secrets.get(name):
            return str(found.arn)
        return name if name.startswith("arn:") else self._arn("secretsmanager", f"secret:{name}")

    def queue(self, url: str) -> str:
        """The ARN of a queue, by its URL."""
        return self._arn("sqs", url.rpartition("/")[2])

    def has_bucket(self, bucket: str) -> bool:
        """Whether there is such a bucket."""
        backend = look_at("s3", self.account_id)
        return bool(backend) and bucket in backend.buckets

    def has_object(self, bucket: str, key: str) -> bool:
        """Whether there is such an object."""
        backend = look_at("s3", self.account_id)
        found = backend and backend.buckets.get(bucket)
        return bool(found) and isinstance(found.keys.get(key), FakeKey)

    def workgroup_of_query(self, query_id: str) -> str:
        """The workgroup that a query runs in."""
        backend = self._look_at("athena")
        return _workgroup(backend and backend.executions.get(query_id))

    def workgroup_of_named_query(self, query_id: str) -> str:
        """The workgroup that a query is kept in."""
        backend = self._look_at("athena")
        return _workgroup(backend and backend.named_queries.get(query_id))

    def owner_of_statement(self, statement_id: str) -> str:
        """The user id that submitted a statement of the Data API."""
        backend = self._look_at("redshiftdata")
        found = backend and backend.submitted.get(statement_id.partition(":")[0])
        return found.owner if found else ""

    def _look_at(self, service: str) -> Any:
        return look_at(service, self.account_id, self.region)

    def _redshift(self, kind: str, name: str) -> str:
        """The ARN of a workgroup or a namespace, which has an id that nobody chose."""
        if name.startswith("arn:"):
            return name
        backend = self._look_at("redshiftserverless")
        found = backend and getattr(backend, f"{kind}s").get(name)
        return str(found[f"{kind}Arn"]) if found else self._arn("redshift-serverless", f"{kind}/*")

    def _identity(self, kind: str, name: str) -> str:
        """The ARN of a role or a user, with its path."""
        if name.startswith("arn:"):
            return name
        backend = look_at("iam", self.account_id)
        known = getattr(backend, f"{kind}s", {}).values()
        path = next((each.path for each in known if each.name == name), "/")
        return f"arn:aws:iam::{self.account_id}:{kind}{path}{name}"

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{resource}"


def _workgroup(query: Any) -> str:
    found = getattr(query, "workgroup", None)
    return str(getattr(found, "name", found) or _ALL)
