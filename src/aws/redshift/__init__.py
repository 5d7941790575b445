"""Amazon Redshift: temporary credentials, a TLS connection, and the Data API."""
