"""Tables and views of a SQL database, by SQLAlchemy."""

from etl.sources.sql.read import open_sql
from etl.sources.sql.reader import SqlBatch, SqlReader, open_reader

__all__ = ["SqlBatch", "SqlReader", "open_reader", "open_sql"]
