"""Versions of an object go one by one, delete markers among them, as `force_destroy` wants it."""

from __future__ import annotations

from typing import Any

from moto.s3.models import FakeDeleteMarker


def install() -> None:
    """Let delete markers be disposed of like the versions beside them; moto fails over them."""
    setattr(FakeDeleteMarker, "dispose", _dispose)


def _dispose(_marker: Any, garbage: bool = False) -> None:
    """A marker has no bytes."""
