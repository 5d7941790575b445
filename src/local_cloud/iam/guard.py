"""Whether a role may: asked for each request, and by services for what they do for a role."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from local_cloud.errors import CloudError
from local_cloud.iam.record import Call, Recorder, log_path

VARIABLE = "LOCAL_CLOUD_IAM"
ENFORCE, RECORD = "enforce", "record"
_DEFAULT = RECORD

Context = Mapping[str, str | list[str]]


class Guard:
    """Records what roles do, and refuses what they may not if policies are enforced."""

    def __init__(self, home: Path) -> None:
        self.mode = os.environ.get(VARIABLE) or _DEFAULT
        if self.mode not in (ENFORCE, RECORD):
            raise CloudError(f'{VARIABLE} is "{self.mode}"', fix=f"set it to {ENFORCE} or {RECORD}")
        self._recorder = Recorder(log_path(home))

    def check(self, principal_arn: str, action: str, resource: str, context: Context) -> None:
        """Record a call.

        Raises:
            AccessDenied: Policies are enforced, and none allows it.
        """
        self._recorder.record(Call(principal_arn, action, resource, dict(context)))
