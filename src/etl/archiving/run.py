"""Old objects to the archive, in key order: page by page, some at a time, stopped when asked."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from aws.s3 import S3Object, iter_pages
from etl.archiving.ages import Ages
from etl.archiving.config import ArchiveConfig
from etl.archiving.objects import ArchiveError, Outcome, Route, archive_object
from etl.archiving.partitions import Partitions
from etl.archiving.report import ArchiveReport, Counts
from etl.storage import explain_storage_errors

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

log = logging.getLogger("etl")

Submit = Callable[[S3Object], "Future[Outcome]"]


def archive(
    config: ArchiveConfig,
    *,
    s3: S3Client,
    glue: GlueClient,
    now: datetime,
    dry_run: bool = False,
    cursor: str | None = None,
    counts: Counts | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> ArchiveReport:
    """Archive what is due, or say what would be.

    Args:
        cursor: Go on after this key.
        counts: Of the parts before.
        should_stop: Asked before each object; once it says yes, what is under way is finished.

    Raises:
        StorageError: A bucket is missing or refuses access, or there are no credentials.
    """
    started = time.monotonic()
    ages = Ages.of(config, now)
    report = ArchiveReport(
        environment=config.environment,
        source=f"s3://{config.bucket}/{config.prefix}",
        target=f"s3://{config.archive_bucket}/{config.prefix}",
        before=ages.before,
        is_dry_run=dry_run,
        counts=counts or Counts(),
        cursor=cursor,
        seconds=0,
    )
    work = _Work(config, s3, glue, ages, report, should_stop)
    with explain_storage_errors(report.source):
        stopped_at = work.do()
    return replace(report, cursor=stopped_at, seconds=round(time.monotonic() - started, 3))


class _Work:
    def __init__(
        self,
        config: ArchiveConfig,
        s3: S3Client,
        glue: GlueClient,
        ages: Ages,
        report: ArchiveReport,
        should_stop: Callable[[], bool],
    ) -> None:
        self._config = config
        self._s3 = s3
        self._ages = ages
        self._report = report
        self._counts = report.counts
        self._should_stop = should_stop
        self._partitions = Partitions(glue, database=config.database, bucket=config.bucket)
        self._route = Route(
            bucket=config.bucket,
            archive_bucket=config.archive_bucket,
            storage_class=config.storage_class,
        )

    def do(self) -> str | None:
        """Deal with all objects after the cursor; where it was stopped, or None."""
        cursor = self._report.cursor
        pages = iter_pages(
            self._s3, bucket=self._config.bucket, prefix=self._config.prefix, after=cursor or ""
        )
        with _pool(self._config.concurrency) as pool:

            def submit(found: S3Object) -> Future[Outcome]:
                return pool.submit(archive_object, self._s3, self._route, found)

            for page in pages:
                reached = self._take(page, submit)
                cursor = reached or cursor
                if page and reached != page[-1].key:
                    return cursor or ""
                log.info("archive    %s", self._progress(cursor))
        return None

    def _take(self, page: list[S3Object], submit: Submit) -> str | None:
        """Archive a page's due objects; the last key that was dealt with."""
        if self._should_stop():
            return None
        due = [each for each in page if self._ages.is_due(each)]
        if self._report.is_dry_run:
            return self._count(page, due)
        # Before the first of their files goes: what is registered is there.
        self._counts.partitions += self._partitions.drop(each.key for each in due)
        waiting: deque[tuple[S3Object, Future[Outcome]]] = deque()
        reached = None
        for found in due:
            if self._should_stop():
                break
            waiting.append((found, submit(found)))
            reached = found.key
            if len(waiting) >= 2 * self._config.concurrency:
                self._note(*waiting.popleft())
        else:
            reached = page[-1].key if page else None
        while waiting:
            self._note(*waiting.popleft())
        self._counts.listed += sum(each.key <= (reached or "") for each in page)
        return reached

    def _count(self, page: list[S3Object], due: list[S3Object]) -> str | None:
        counts = self._counts
        counts.listed += len(page)
        counts.objects += len(due)
        counts.bytes += sum(each.size for each in due)
        return page[-1].key if page else None

    def _note(self, found: S3Object, future: Future[Outcome]) -> None:
        counts = self._counts
        try:
            with explain_storage_errors(f"s3://{self._config.archive_bucket}/{found.key}"):
                outcome = future.result()
        except (ArchiveError, BotoCoreError, ClientError) as error:
            log.warning("archive    %s: %s", found.key, error)
            counts.failed(found.key, str(error))
            return
        if outcome == "changed":
            counts.changed += 1
            return
        counts.objects += 1
        counts.bytes += found.size
        counts.finished += outcome == "finished"

    def _progress(self, cursor: str | None) -> str:
        counts = self._counts
        return f"{counts.objects:,} of {counts.listed:,} objects, at {cursor}"


@contextmanager
def _pool(size: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that begin nothing more once the block has failed."""
    pool = ThreadPoolExecutor(size)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
