"""The transform by DuckDB: small extractions, without a cluster and without a JVM."""
