"""Why a query failed, in Athena's words."""

from __future__ import annotations

from moto.core.exceptions import JsonRESTError


class QueryFailure(Exception):
    """A query that ends FAILED; the text becomes its StateChangeReason.

    Args:
        kind: Athena's error name, such as TABLE_NOT_FOUND, or "" for none.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}" if kind else message)


class InvalidRequestError(JsonRESTError):
    """A request that Athena refuses before any query runs."""

    code = 400

    def __init__(self, message: str) -> None:
        super().__init__("InvalidRequestException", message)


def hive_failure(message: str) -> QueryFailure:
    """A failure of DDL, which Athena hands to Hive."""
    return QueryFailure(
        "",
        "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. "
        + message,
    )
