"""The only place that makes boto3 clients.

Endpoints are not handled here: boto3 reads the standard AWS_ENDPOINT_URL by itself.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import NoCredentialsError
from botocore.utils import determine_content_length

from aws.answers import hear_answers_out, renew_expired

_SESSION_NAME = "prefect-aws-etl"
_MOST_CONNECTIONS = 32  # that a client keeps open
_SMALL_BODY_BYTES = 1024 * 1024
# What roles have granted, by whose key asked: clients are many, and need not ask again each.
_granted: dict[str, dict[str, Any]] = {}


@dataclass(frozen=True, kw_only=True)
class AwsConfig:
    """Who calls AWS, where, and how patiently.

    Attributes:
        profile: A profile of the shared AWS configuration; None for the default chain.
        role_arn: A role to assume before anything is called; None to stay who we are.
        other_role_arn: A role to assume as that one, e.g. of another account.
    """

    region: str
    profile: str | None = None
    role_arn: str | None = None
    other_role_arn: str | None = None
    max_attempts: int = 6
    connect_timeout_seconds: float = 10
    read_timeout_seconds: float = 60


def make_client(
    service: str, config: AwsConfig, *, read_timeout_seconds: float | None = None
) -> Any:
    """A boto3 client for `service`, e.g. "s3" or "redshift-data".

    Args:
        read_timeout_seconds: Instead of the configuration's, for calls that answer late.
    """
    # boto3's stubs know each service by a literal name; here it is a variable.
    session: Any = _session(config)
    client = session.client(service, config=_patience(config, read_timeout_seconds))
    hear_answers_out(client, max_attempts=config.max_attempts)
    renew_expired(client, session.get_credentials(), forget=_forget_granted)
    if service == "s3":
        client.meta.events.register_last("before-call.s3", _send_small_bodies_at_once)
    return client


def _heard_out(session: Any, config: AwsConfig, service: str, **options: Any) -> Any:
    client = session.client(service, config=_patience(config), **options)
    hear_answers_out(client, max_attempts=config.max_attempts)
    return client


def known_regions() -> list[str]:
    """The regions that boto3 knows S3 to be in, of all partitions."""
    session = boto3.Session()
    return [
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("s3", partition_name=partition)
    ]


def _patience(config: AwsConfig, read_timeout_seconds: float | None = None) -> Config:
    return Config(
        retries={"mode": "standard", "total_max_attempts": config.max_attempts},
        connect_timeout=config.connect_timeout_seconds,
        read_timeout=read_timeout_seconds or config.read_timeout_seconds,
        user_agent_extra="prefect-aws-etl",
        max_pool_connections=_MOST_CONNECTIONS,
        tcp_keepalive=True,  # a Lambda that is waited for may say nothing for 15 minutes
        # What is sent to S3 carries a checksum in a signed header; hashing it again proves no more.
        s3={"payload_signing_enabled": False},
    )


def _send_small_bodies_at_once(params: dict[str, Any], **_: Any) -> None:
    """Do not ask S3 first whether it wants the body: that is a round trip for each object."""
    size = determine_content_length(params.get("body"))
    if size is not None and size <= _SMALL_BODY_BYTES:
        params["headers"].pop("Expect", None)


def _forget_granted() -> None:
    for granted in _granted.values():
        granted.clear()


class _SharedLoader(botocore.loaders.Loader):
    """Reads what boto3 knows of AWS once, and not for each session: a megabyte and more of JSON."""

    @property
    def search_paths(self) -> list[str]:
        """Where models lie; each boto3.Session adds its own folder to this list."""
        return list(super().search_paths)


@cache
def _loader(data_path: str | None) -> _SharedLoader:
    paths = (data_path or "").split(os.pathsep)
    return _SharedLoader([os.path.expanduser(each) for each in paths if each])


def _new_session(profile: str | None = None) -> Any:
    session = botocore.session.Session(profile=profile)
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    return session


def _session(config: AwsConfig) -> boto3.Session:
    core = _new_session(config.profile)
    session = boto3.Session(botocore_session=core, region_name=config.region)
    for role_arn in (config.role_arn, config.other_role_arn):
        session = _assume(session, role_arn, config) if role_arn else session
    return session


def _assume(session: boto3.Session, role_arn: str, config: AwsConfig) -> boto3.Session:
    """A session as a role, whose credentials are renewed before they expire."""
    source: Any = session.get_credentials()
    if source is None:
        raise NoCredentialsError()
    fetcher = AssumeRoleCredentialFetcher(
        partial(_heard_out, session, config),
        source,
        role_arn,
        extra_args={"RoleSessionName": _SESSION_NAME},
        cache=_granted.setdefault(source.get_frozen_credentials().access_key, {}),
    )
    credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
    credentials.get_frozen_credentials()  # a role that cannot be assumed is told here, not later
    assumed = _new_session()
    assumed._credentials = credentials
    return boto3.Session(botocore_session=assumed, region_name=config.region)
