"""The errors of Redshift Serverless's API."""

from __future__ import annotations

from moto.core.exceptions import JsonRESTError


class ServerlessError(JsonRESTError):
    """An error of this API."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
