"""What the embedded cloud's command line says when it cannot go on."""

from __future__ import annotations


class CloudError(Exception):
    """The embedded cloud cannot start, or cannot do what it was told."""

    def __init__(self, message: str, *, fix: str) -> None:
        super().__init__(f"{message}\n  fix: {fix}")
