"""Whether a role or a user may: asked for each request, and by services for what they do inside."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from local_cloud.errors import CloudError
from local_cloud.iam.directory import Directory
from local_cloud.iam.errors import AccessDenied, PolicyError
from local_cloud.iam.evaluate import Why, evaluate, evaluate_resource_policy
from local_cloud.iam.identities import Identity, find_identity, identity_of_role
from local_cloud.iam.mapping import permissions_of
from local_cloud.iam.policies import parse_policy
from local_cloud.iam.principals import Caller, Named
from local_cloud.iam.record import Call, Recorder, log_path
from local_cloud.iam.resources import decides_alone, policy_of
from local_cloud.iam.table import Permission, UnknownOperationError

VARIABLE = "LOCAL_CLOUD_IAM"
ENFORCE, RECORD = "enforce", "record"
_DEFAULT = ENFORCE
_ANY_SESSION = "AROA:session"  # stands in the record for the session that a value names

_log = logging.getLogger(__name__)


class Guard:
    """Records what roles and users do, and refuses what they may not if policies are enforced."""

    def __init__(self, home: Path, account_id: str, region: str) -> None:
        self.mode = os.environ.get(VARIABLE) or _DEFAULT
        if self.mode not in (ENFORCE, RECORD):
            raise CloudError(f'{VARIABLE} is "{self.mode}"', fix=f"set it to {ENFORCE} or {RECORD}")
        self._account_id, self._region = account_id, region
        self._directory = Directory(account_id, region)
        self._recorder = Recorder(log_path(home))
        self._thread = threading.local()

    @property
    def caller(self) -> Identity | None:
        """Whose request this thread answers; None for the root key and outside of a request."""
        found: Identity | None = getattr(self._thread, "caller", None)
        return found

    @property
    def access_key_id(self) -> str:
        """The key that the request was signed with which this thread answers."""
        found: str = self._thread.access_key_id
        return found

    @property
    def denied_deletions(self) -> frozenset[str]:
        """The objects that the request which this thread answers would delete, but may not."""
        found: frozenset[str] = getattr(self._thread, "denied_deletions", frozenset())
        return found

    def admit(
        self,
        access_key_id: str,
        service: str,
        operation: str,
        environ: Mapping[str, Any],
        body: bytes,
    ) -> None:
        """Check a request. Of many deletions in one, those that are denied are only noted.

        Raises:
            AccessDenied: The caller may not.
            NotImplementedError: It is not known which permissions it needs.
        """
        self._thread.access_key_id = access_key_id
        self._thread.denied_deletions = frozenset()
        self._thread.caller = identity = find_identity(self._account_id, access_key_id)
        if identity is None:
            return
        try:
            wanted = permissions_of(
                service,
                operation,
                environ,
                body,
                directory=self._directory,
                user_id=identity.user_id,
            )
        except UnknownOperationError as error:
            self._record(identity, Permission(f"{service}:{operation}", "unknown"), False)
            if self.mode == ENFORCE:
                raise NotImplementedError(str(error)) from error
            return
        if service == "s3" and body:
            self._thread.denied_deletions = frozenset(self._denied(identity, wanted))
            return
        for permission in wanted:
            self._check(identity, permission)

    def _denied(self, identity: Identity, wanted: Iterable[Permission]) -> Iterator[str]:
        for permission in wanted:
            try:
                self._check(identity, permission)
            except AccessDenied:
                yield permission.resource

    def admit_as(self, access_key_id: str, permission: Permission) -> None:
        """Check what the holder of a key asks of something that is no AWS API.

        Raises:
            AccessDenied: The caller may not.
        """
        if identity := find_identity(self._account_id, access_key_id):
            self._check(identity, permission)

    def check_role(self, role_arn: str, permission: Permission) -> None:
        """Check what a service does on behalf of a role.

        Raises:
            AccessDenied: The role may not.
        """
        caller = self.caller
        is_caller = caller is not None and caller.principal_arn == role_arn
        self._check(caller if caller and is_caller else identity_of_role(role_arn), permission)

    def check_service(
        self, service: str, permission: Permission, source_arn: str | None = None
    ) -> None:
        """Check what a service does in its own name, which only a resource's policy can allow.

        Args:
            service: "events.amazonaws.com".
            source_arn: The resource for which it does so: a rule, an API, a bucket.

        Raises:
            AccessDenied: The policy of the resource does not allow it.
        """
        if self.mode != ENFORCE:
            return
        context = dict(permission.context)
        if source_arn:
            context |= {"aws:SourceArn": source_arn, "aws:SourceAccount": self._account_id}
        action, resource = permission.action, permission.resource
        policy, caller = policy_of(self._account_id, action, resource), Caller((), "", service)
        said = policy and evaluate_resource_policy(policy, caller, action, resource, context)
        if not said or said.named != Named.DIRECTLY:
            raise AccessDenied(
                f"User: {service} is not authorized to perform: {action} on resource: {resource}"
                f" because no resource-based policy allows the {action} action"
            )

    def _check(self, identity: Identity, permission: Permission) -> None:
        try:
            why_not = self._why_not(identity, permission)
        except PolicyError as error:
            self._record(identity, permission, False)
            if self.mode == ENFORCE:
                raise NotImplementedError(
                    f"a policy about {identity.arn}, {permission.action} and"
                    f" {permission.resource}: {error}"
                ) from error
            return
        self._record(identity, permission, why_not is None)
        if why_not is not None and self.mode == ENFORCE:
            denied = AccessDenied(_message(identity, permission, why_not))
            _log.warning("%s (its policies: terraform/policies)", denied)
            raise denied

    def _why_not(self, identity: Identity, wanted: Permission) -> str | None:
        """Why a call is denied, or None: "Policy evaluation logic" for one account."""
        action, resource = wanted.action, wanted.resource
        context = identity.context(self._region) | wanted.context
        named, policy = Named.NOT, policy_of(self._account_id, action, resource)
        if policy:
            said = evaluate_resource_policy(policy, identity.caller, action, resource, context)
            if said.denied:
                return "with an explicit deny in a resource-based policy"
            named = said.named
        own = evaluate(identity.policies, action, resource, context)
        if own.why == Why.DENIED:
            return "with an explicit deny in an identity-based policy"
        for name, document in identity.limits.items():
            if not evaluate([parse_policy(document)], action, resource, context).allowed:
                return f"because no {name} allows the {action} action"
        if decides_alone(action) and named == Named.NOT:
            return f"because no resource-based policy allows the {action} action"
        if named == Named.DIRECTLY or own.allowed:
            return None
        return f"because no identity-based policy allows the {action} action"

    def _record(self, identity: Identity, wanted: Permission, is_allowed: bool) -> None:
        context = wanted.context
        if identity.user_id in context.values():
            context = {
                key: _ANY_SESSION if value == identity.user_id else value
                for key, value in context.items()
            } | {"aws:userid": _ANY_SESSION}
        self._recorder.record(
            Call(identity.principal_arn, wanted.action, wanted.resource, context, is_allowed)
        )


def _message(identity: Identity, wanted: Permission, why: str) -> str:
    """As "Troubleshoot access denied error messages" has it, in the IAM User Guide."""
    quote = '"' if wanted.action.startswith("s3:") else ""  # only S3 puts them
    on = f" on resource: {quote}{wanted.resource}{quote}" if wanted.resource != "*" else ""
    return f"User: {identity.arn} is not authorized to perform: {wanted.action}{on} {why}"
