"""Paginated HTTP APIs."""

from etl.sources.api.read import open_api

__all__ = ["open_api"]
