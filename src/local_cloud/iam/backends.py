"""moto's backends, looked at without a note for the journal that they may have changed."""

from __future__ import annotations

from typing import Any

from moto.backends import get_backend


def look_at(service: str, account_id: str, region: str = "aws") -> Any:
    """A backend, or None where nothing has been in it.

    Args:
        service: moto's name of it.
        region: "aws" for what has none: IAM, S3.
    """
    get: Any = get_backend
    return get(service)[account_id].get(region)  # the journal listens to [region]
