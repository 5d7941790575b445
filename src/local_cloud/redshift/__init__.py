"""The embedded Redshift: one engine behind SQL over TLS, the Data API and Redshift's own APIs."""

from local_cloud.redshift.service import connection_info, install

__all__ = ["connection_info", "install"]
