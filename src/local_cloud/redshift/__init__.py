"""The embedded Redshift: SQL over TLS, the Data API and Redshift's own APIs, one engine behind all."""

from local_cloud.redshift.service import connection_info, install

__all__ = ["connection_info", "install"]
