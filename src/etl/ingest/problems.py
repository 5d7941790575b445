"""Refusals as problem details (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

MEDIA_TYPE = "application/problem+json"


class RefusedError(Exception):
    """A request that is answered with a problem. Nothing has been written for it.

    Attributes:
        members: What the document says beside status, title and detail.
    """

    def __init__(self, status: HTTPStatus, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.members = members

    def to_document(self) -> dict[str, Any]:
        """The problem. Its type is the status's own: the title says it, the detail explains it."""
        return {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
            **self.members,
        }
