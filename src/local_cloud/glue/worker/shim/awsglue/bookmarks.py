"""Which objects of a source a job has read, by job and `transformation_ctx`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

ENABLED, PAUSED = "job-bookmark-enable", "job-bookmark-pause"

Objects = dict[str, str]  # URI to ETag


class Bookmark:
    """A job's bookmark: read when the run starts, written only by `commit`."""

    def __init__(self, file: Path, option: str) -> None:
        self._file = file
        self._option = option
        empty: dict[str, Any] = {"version": 0, "run_id": None, "sources": {}}
        self._content = json.loads(file.read_text()) if file.exists() else empty
        self._seen: dict[str, Objects] = {}

    @classmethod
    def of_this_run(cls) -> Bookmark:
        """The bookmark that the embedded cloud keeps for the job of this process."""
        return cls(
            Path(os.environ["LOCAL_CLOUD_GLUE_BOOKMARK"]),
            os.environ["LOCAL_CLOUD_GLUE_BOOKMARK_OPTION"],
        )

    def unread(self, context: str, objects: Objects) -> list[str]:
        """The objects of a source that are new or changed since the last commit."""
        if not context or self._option not in (ENABLED, PAUSED):
            return list(objects)
        self._seen.setdefault(context, {}).update(objects)
        read = self._content["sources"].get(context, {})
        return [uri for uri, etag in objects.items() if read.get(uri) != etag]

    def commit(self, run_id: str | None) -> None:
        """Keep what was read, all or nothing."""
        if self._option != ENABLED:
            return
        sources: dict[str, Objects] = self._content["sources"]
        for context, objects in self._seen.items():
            sources[context] = {**sources.get(context, {}), **objects}
        self._content = {
            "version": self._content["version"] + 1,
            "run_id": run_id,
            "sources": sources,
        }
        self._file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._file.with_suffix(f".{os.getpid()}.part")
        unfinished.write_text(json.dumps(self._content))
        os.replace(unfinished, self._file)
