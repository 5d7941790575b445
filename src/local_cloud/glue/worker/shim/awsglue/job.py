"""A job run as its script sees it."""

from __future__ import annotations

from typing import Any

from .bookmarks import Bookmark
from .utils import _from_argv


class Job:
    """`init` at the script's start, `commit` at its end; bookmarks move at `commit` only."""

    bookmark: Bookmark | None = None

    def __init__(self, glue_context: Any) -> None:
        self._glue_context = glue_context

    @classmethod
    def init(cls, job_name: str, args: dict[str, Any] | None = None) -> None:
        """Begin: sources with a `transformation_ctx` heed the job's bookmark from here on."""
        cls.bookmark = Bookmark.of_this_run()

    @classmethod
    def isInitialized(cls) -> bool:
        """Whether `init` has been called."""
        return cls.bookmark is not None

    @classmethod
    def commit(cls) -> None:
        """Save the bookmark."""
        if cls.bookmark is None:
            raise RuntimeError("Job.commit() without Job.init()")
        cls.bookmark.commit(_from_argv("JOB_RUN_ID"))
