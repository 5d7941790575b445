"""Provisioned clusters: moto keeps them; endpoint and credentials lead to the engine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import moto.redshift.models as models
from moto.core.responses import ActionResult
from moto.redshift.exceptions import ClusterNotFoundError, InvalidParameterValueError
from moto.redshift.responses import RedshiftResponse

from local_cloud.redshift.credentials import MAX_SECONDS, MIN_SECONDS
from local_cloud.redshift.identity import DatabaseUser, database_user

if TYPE_CHECKING:
    from local_cloud.redshift.service import Redshift


class EmbeddedRedshiftBackend(models.RedshiftBackend):
    """Clusters whose databases exist."""

    redshift: Redshift

    @property
    def _url_module(self) -> Any:
        return SimpleNamespace(
            url_bases=[r"https?://redshift\.(.+)\.amazonaws\.com"],
            url_paths={"{0}/$": EmbeddedRedshiftResponse.dispatch},
        )

    def create_cluster(self, **cluster: Any) -> models.Cluster:
        """Create a cluster and its first database."""
        created = super().create_cluster(**cluster)
        self.redshift.ensure_database(created.db_name)
        return created

    def get_cluster_credentials(
        self,
        cluster_identifier: str,
        db_user: str,
        auto_create: bool,
        duration_seconds: int,
        database: str = "",
    ) -> dict[str, Any]:
        """Credentials of a database user, which the login may create."""
        self._check(cluster_identifier, duration_seconds)
        issued = self.redshift.credentials.issue(
            f"{'IAMA' if auto_create else 'IAM'}:{db_user}",
            role=db_user,
            seconds=duration_seconds,
            database=database,
            create_role=auto_create,
        )
        return {
            "DbUser": issued.user,
            "DbPassword": issued.password,
            "Expiration": issued.expires,
        }

    def get_cluster_credentials_with_iam(
        self, cluster_identifier: str, user: DatabaseUser, duration_seconds: int, database: str
    ) -> dict[str, Any]:
        """Credentials of the caller's IAM identity, as a database user of its own."""
        self._check(cluster_identifier, duration_seconds)
        issued = self.redshift.credentials.issue_to(
            user, seconds=duration_seconds, database=database
        )
        return {
            "DbUser": issued.user,
            "DbPassword": issued.password,
            "Expiration": issued.expires,
            "NextRefreshTime": issued.expires - timedelta(seconds=duration_seconds / 2),
        }

    def _check(self, cluster_identifier: str, seconds: int) -> None:
        if cluster_identifier not in self.clusters:
            raise ClusterNotFoundError(cluster_identifier)
        if not MIN_SECONDS <= seconds <= MAX_SECONDS:
            raise InvalidParameterValueError(
                f"Token duration must be between {MIN_SECONDS} and {MAX_SECONDS} seconds"
            )


class EmbeddedRedshiftResponse(RedshiftResponse):
    """The Redshift API, with what moto's leaves out."""

    @property
    def _embedded(self) -> EmbeddedRedshiftBackend:
        found = self.redshift_backend
        assert isinstance(found, EmbeddedRedshiftBackend)
        return found

    def get_cluster_credentials(self) -> ActionResult:
        """GetClusterCredentials."""
        return ActionResult(
            self._embedded.get_cluster_credentials(
                self._get_param("ClusterIdentifier"),
                self._get_param("DbUser"),
                self._get_bool_param("AutoCreate", False),
                self._get_int_param("DurationSeconds", MIN_SECONDS),
                self._get_param("DbName") or "",
            )
        )

    def get_cluster_credentials_with_iam(self) -> ActionResult:
        """GetClusterCredentialsWithIAM."""
        return ActionResult(
            self._embedded.get_cluster_credentials_with_iam(
                self._get_param("ClusterIdentifier"),
                database_user(self._embedded.redshift.cloud, self.current_account, self.access_key),
                self._get_int_param("DurationSeconds", MIN_SECONDS),
                self._get_param("DbName") or "",
            )
        )


def install(redshift: Redshift) -> None:
    """Replace moto's backend."""
    EmbeddedRedshiftBackend.redshift = redshift
    models.redshift_backends.backend = EmbeddedRedshiftBackend
    endpoint = {"Address": redshift.host, "Port": redshift.port}
    setattr(models.Cluster, "endpoint", property(lambda _: endpoint))


def has_cluster(account_id: str, region: str, name: str) -> bool:
    """Whether there is such a cluster."""
    return name in models.redshift_backends[account_id][region].clusters


def masters(account_id: str, region: str) -> Iterator[tuple[str, str]]:
    """Name and password of each cluster's master user."""
    for cluster in models.redshift_backends[account_id][region].clusters.values():
        yield cluster.master_username, cluster.master_user_password
