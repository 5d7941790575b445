"""Records → raw objects that nobody sees before they are committed."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from types import TracebackType
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from aws.s3 import MAX_PARTS
from etl.figures import Figures
from etl.formats import open_encoder
from etl.keys import parse_s3_uri, raw_prefix, source_part_name
from etl.manifest import RawObject
from etl.model import Contract
from etl.partitioning import keeps_source_objects
from etl.settings import Staging
from etl.sources.records import Item, Lines, SourceObject
from etl.staging.dead_letters import DeadLetterWriter
from etl.staging.folders import Folders
from etl.staging.outgoing import Destination, Outgoing
from etl.staging.raw_object import RawObjectWriter
from etl.staging.staged import Staged
from etl.staging.uploads import Uploads

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Progress = Callable[[Figures], None]

_MIB = 1024 * 1024
_BATCH_BYTES = 256 * 1024


class RawWriter:
    """Writes a run's raw objects: all become visible together, or none.

        with RawWriter(s3, …) as writer:
            for item in source.items:
                writer.add(item)
            writer.finish()  # everything is sent or held, nothing visible
            writer.commit()

    Memory is bounded whatever comes. The same items make the same objects, but for the folder that
    `partitioning: date_hour` takes from the clock.
    """

    def __init__(
        self,
        s3: S3Client,
        *,
        contract: Contract,
        run_date: date,
        name: Callable[[int], str],
        settings: Staging,
        metadata: Mapping[str, str],
        prefix: str | None = None,
        existing: Mapping[str, int] | None = None,
        figures: Figures | None = None,
        on_progress: Progress | None = None,
        buries: bool = True,
    ) -> None:
        """Begin.

        Args:
            name: The name of a folder's nth object, without the format's suffix.
            metadata: What S3 is to keep beside every object.
            prefix: Where the folders lie; None for the contract's place of the run date.
            existing: Key → size in bytes of what is there: an object that is the same is not sent
                again.
            figures: To count on with; writers may share them, one after the other.
            on_progress: Called with the figures now and then, and at the end.
            buries: Whether records that the format refuses are kept as dead letters.
        """
        self.figures = figures or Figures()
        self._contract = contract
        self._run_date = run_date
        self._name = name
        self._on_progress = on_progress
        self._buries = buries
        self._folders = Folders(contract, datetime.now(UTC))
        self._keeps_sources = keeps_source_objects(contract)
        self._source: str | None = None
        self._most_open = settings.open_folders
        bucket, self._prefix = parse_s3_uri(prefix or raw_prefix(contract, run_date))
        self._uploads = Uploads(
            concurrency=settings.concurrency,
            attempts=settings.max_attempts,
            held_bytes=settings.held_mib * _MIB,
            figures=self.figures,
        )
        self._destination = Destination(
            s3=s3,
            bucket=bucket,
            uploads=self._uploads,
            figures=self.figures,
            part_bytes=settings.upload_part_mib * _MIB,
            existing=existing or {},
            metadata=metadata,
        )
        self._limit_bytes = settings.part_mib * _MIB
        self._dead = DeadLetterWriter(
            self._destination,
            contract=contract,
            run_date=run_date,
            name=name,
            limit_bytes=self._limit_bytes,
        )
        if self._keeps_sources:
            # One raw object per source object, unless S3 could not hold it.
            self._limit_bytes = MAX_PARTS // 2 * self._destination.part_bytes
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        self._names: Counter[str] = Counter()
        self._open: OrderedDict[str, RawObjectWriter] = OrderedDict()
        self._closed: list[RawObject] = []
        self._sent: list[Outgoing] = []

    def add(self, item: Item) -> None:
        """Take one record, several, or note where the next ones come from."""
        if isinstance(item, bytes):
            self._batch.append(item)
            self._batch_bytes += len(item) + 1
            if self._batch_bytes >= _BATCH_BYTES:
                self._write_batch()
        elif isinstance(item, Lines):
            self._write_batch()
            self._write(item)
        else:
            self._begin_source(item)

    def finish(self) -> Staged:
        """Send what is left. Everything is on S3 or in memory then, and nothing visible."""
        self._write_batch()
        self._close_all()
        self._dead.close()
        self._uploads.wait()
        self._report()
        bucket = self._destination.bucket
        return Staged(
            objects=tuple(self._closed),
            rows=sum(each.rows for each in self._closed),
            bytes=sum(each.bytes for each in self._closed),
            rejected=self._dead.count,
            dead_letters=tuple(f"s3://{bucket}/{each.key}" for each in self._dead.sent),
        )

    @property
    def changes_nothing(self) -> bool:
        """Whether S3 has every object already; to be asked after `finish`."""
        return all(each.is_unchanged for each in (*self._sent, *self._dead.sent))

    def commit(self) -> None:
        """Make the objects visible, replacing those of the same keys."""
        for each in (*self._sent, *self._dead.sent):
            if not each.is_unchanged:
                submit = self._uploads.submit_data if each.is_held else self._uploads.submit
                submit(each.commit)
        self._uploads.wait()
        unchanged = sum(each.is_unchanged for each in self._sent)
        self.figures.count(objects=len(self._sent), unchanged=unchanged)
        self._report()

    def __enter__(self) -> RawWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._uploads.close()
        # A failing abort must not hide why the upload failed; a bucket's lifecycle rule tidies up.
        harmless = () if error is None else (BotoCoreError, ClientError)
        being_written = (each.outgoing for each in self._open.values())
        for each in (*self._sent, *being_written, *self._dead.all):
            with suppress(*harmless):
                each.abort()

    def _begin_source(self, source: SourceObject) -> None:
        self._write_batch()
        if self._keeps_sources:
            self._close_all()
            self._source = source.uri

    def _write_batch(self) -> None:
        if not self._batch:
            return
        block = b"\n".join(self._batch) + b"\n"
        if block.count(b"\n") != len(self._batch):
            record = next(each for each in self._batch if b"\n" in each)
            raise ValueError(f"a record holds a newline: {record[:80]!r}")
        lines = Lines(block, len(self._batch))
        self._batch.clear()
        self._batch_bytes = 0
        self._write(lines)

    def _write(self, block: Lines) -> None:
        for folder, lines in self._folders.split(block):
            writer = self._open.get(folder) or self._begin(folder)
            self._open.move_to_end(folder)
            refused = writer.write(lines)
            if self._buries:
                self._dead.add(refused)
            if writer.size >= self._limit_bytes:
                self._close(folder)
        self._report()

    def _begin(self, folder: str) -> RawObjectWriter:
        if len(self._open) >= self._most_open:
            self._close(next(iter(self._open)))
        self._open[folder] = RawObjectWriter(
            self._destination,
            open_encoder(self._contract, self._run_date),
            name=self._prefix + folder + self._next_name(folder),
            source=self._source,
            spooled=self._folders.by_record,
        )
        return self._open[folder]

    def _next_name(self, folder: str) -> str:
        base = "" if self._source is None else source_part_name(self._source)
        index = self._names[folder + base]
        self._names[folder + base] += 1
        if not base:
            return self._name(index)
        return f"{base}-{index:05d}" if index else base

    def _close(self, folder: str) -> None:
        writer = self._open[folder]
        if closed := writer.close():
            self._closed.append(closed)
            self._sent.append(writer.outgoing)
        del self._open[folder]

    def _close_all(self) -> None:
        for folder in list(self._open):
            self._close(folder)

    def _report(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self.figures)
