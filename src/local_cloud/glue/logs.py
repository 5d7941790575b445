"""Carries what a job run writes to CloudWatch Logs."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

_log = logging.getLogger(__name__)

_MAX_EVENTS = 1000
_MAX_EVENT_BYTES = 200_000


class LogStream:
    """Follows files and appends their lines to one log stream.

    `carry` is called now and then while the run goes on, and `close` at its end.
    """

    def __init__(self, logs: Any, *, group: str, stream: str, files: Mapping[Path, int]) -> None:
        """Begin.

        Args:
            files: From which byte on each is followed.
        """
        self._logs = logs
        self._group = group
        self._stream = stream
        self._read_bytes = dict(files)
        self._exists = False
        self._is_denied = False

    def carry(self, *, last: bool = False) -> None:
        """Append the lines that were completed since the last call."""
        lines = [line for file in self._read_bytes for line in self._new_lines(file, last)]
        if not lines or self._is_denied:
            return
        try:
            self._append(lines)
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDeniedException":
                raise
            self._is_denied = True  # as on AWS, the job runs on without its logs
            _log.warning("%s/%s is not written: %s", self._group, self._stream, error)

    def _append(self, lines: list[str]) -> None:
        if not self._exists:
            self._create()
        for start in range(0, len(lines), _MAX_EVENTS):
            now_ms = int(time.time() * 1000)
            self._logs.put_log_events(
                logGroupName=self._group,
                logStreamName=self._stream,
                logEvents=[
                    {"timestamp": now_ms, "message": line}
                    for line in lines[start : start + _MAX_EVENTS]
                ],
            )

    def close(self) -> None:
        """Append the rest, a last line without its end included."""
        self.carry(last=True)

    def _new_lines(self, file: Path, last: bool) -> list[str]:
        if not file.exists():
            return []
        with file.open("rb") as opened:
            opened.seek(self._read_bytes[file])
            content = opened.read()
        if not last:
            content = content[: content.rfind(b"\n") + 1]
        self._read_bytes[file] += len(content)
        lines = content.decode("utf-8", "replace").splitlines()
        return [line[:_MAX_EVENT_BYTES] for line in lines if line.strip()]

    def _create(self) -> None:
        for create, names in (
            (self._logs.create_log_group, {"logGroupName": self._group}),
            (
                self._logs.create_log_stream,
                {"logGroupName": self._group, "logStreamName": self._stream},
            ),
        ):
            try:
                create(**names)
            except self._logs.exceptions.ResourceAlreadyExistsException:
                pass
        self._exists = True
