"""Small functions for the embedded cloud, in tests."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any


def make_role(client: Callable[[str], Any], name: str, *services: str) -> str:
    """A role that services may take on, by default Lambda; its ARN."""
    trusted = [f"{each}.amazonaws.com" for each in services or ("lambda",)]
    allow = {"Effect": "Allow", "Principal": {"Service": trusted}, "Action": "sts:AssumeRole"}
    made = client("iam").create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]}),
    )
    arn: str = made["Role"]["Arn"]
    return arn


def zipped(code: str) -> bytes:
    """A package whose module shop.py is this code."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("shop.py", code)
    return archive.getvalue()
