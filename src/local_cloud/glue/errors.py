"""What the embedded Glue answers when it will not, and why a job run could not start."""

from __future__ import annotations

from moto.glue.exceptions import GlueClientError


class NotRunHereError(GlueClientError):
    """Something that the embedded cloud does not execute, and so refuses."""

    def __init__(self, what: str) -> None:
        super().__init__(
            "OperationNotSupportedException", f"The embedded cloud does not run {what}."
        )


class InvalidRequestError(GlueClientError):
    """A request that Glue refuses as well."""

    def __init__(self, message: str) -> None:
        super().__init__("InvalidInputException", message)


class LaunchError(Exception):
    """A job run that failed before its script started."""
