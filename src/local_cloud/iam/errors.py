"""What a caller is told who may not."""

from __future__ import annotations


class AccessDenied(Exception):
    """A call that no policy allows, or that one denies; the message is AWS's."""
