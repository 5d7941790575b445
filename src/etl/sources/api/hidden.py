"""What of answers may be shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

import httpx

_EXCERPT = 200


class Hidden:
    """Texts that are shown nowhere: calling it puts `***` where they stand."""

    def __init__(self) -> None:
        self._forms: set[str] = set()

    def add(self, value: str) -> None:
        """Hide a value, and what URLs, JSON and Python make of it."""
        encoded = str(httpx.QueryParams({"": value}))[1:]
        forms = {value, encoded, quote(value, safe=""), json.dumps(value)[1:-1], repr(value)[1:-1]}
        self._forms |= forms - {""}

    def __call__(self, text: str) -> str:
        for form in sorted(self._forms, key=len, reverse=True):
            text = text.replace(form, "***")
        return text


def excerpt(body: bytes, hide: Callable[[str], str] = str) -> str:
    """The first characters of a body, on one line, to be shown."""
    text = hide(" ".join(body[: 64 * _EXCERPT].decode("utf-8", "replace").split()))
    return repr(text[:_EXCERPT] + ("…" if len(text) > _EXCERPT else ""))
