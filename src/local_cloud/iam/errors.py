"""What goes wrong when it is asked who may do what."""

from __future__ import annotations


class AccessDenied(Exception):
    """A call that no policy allows, or that one denies; the message is AWS's."""


class PolicyError(ValueError):
    """A policy that cannot be evaluated; it is never taken for one that says nothing."""
