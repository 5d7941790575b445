"""Open a source of files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from etl.errors import ContractError, SourceError, UsageError
from etl.model import Contract
from etl.sources.files.ahead import fetch_ahead
from etl.sources.files.arrivals import Arrival, choose_files
from etl.sources.files.completed import completed_folder
from etl.sources.files.ledger import Ledger, Taken, TakenFile, identity
from etl.sources.files.locations import SUFFIXES, Found, find_files
from etl.sources.files.options import FileOptions, read_file_options
from etl.sources.files.reading import read_file
from etl.sources.files.replay import replay_file
from etl.sources.files.settle import settle_pending
from etl.sources.files.source_file import SourceFile
from etl.sources.files.stores import Store, open_s3, open_store
from etl.sources.locations import fill_run_date
from etl.sources.records import Item, Lines, OpenSource, SourceContext


def open_files(contract: Contract, context: SourceContext) -> OpenSource:
    """The records of the files of the run date.

    Raises:
        ContractError: The location or an option makes no sense.
        UsageError: A backfill cannot know which files are a date's.
        SourceError: There is no file, or no way to it; while reading, a file is not what the
            contract says.
        StorageError: The bucket is missing or refuses access.
    """
    options = read_file_options(contract)
    location = fill_run_date(contract.source.location, context.run_date, dataset=contract.dataset)
    if options.tracks_files:
        return _open_tracked(location, contract, context, options)
    found = _find(location, contract, context, options)
    if not found.files:
        raise _nothing_at(location, contract)
    return OpenSource(items=_read(found.files, contract, options))


def list_files(contract: Contract, context: SourceContext) -> Sequence[SourceFile]:
    """The files that are at the source's location now, whether taken before or not.

    Raises:
        ContractError, SourceError, StorageError: As for `open_files`.
    """
    options = read_file_options(contract)
    location = fill_run_date(contract.source.location, context.run_date, dataset=contract.dataset)
    return _find(location, contract, context, options).files


def _find(location: str, contract: Contract, context: SourceContext, options: FileOptions) -> Found:
    s3 = open_s3(options, context) if location.startswith("s3://") else None
    return find_files(location, format=contract.source.format, s3=s3)


def _read(files: Sequence[SourceFile], contract: Contract, options: FileOptions) -> Iterator[Item]:
    for file in filter(None, fetch_ahead(files)):
        yield file.found
        yield from read_file(file, contract=contract, options=options)


def _open_tracked(
    location: str, contract: Contract, context: SourceContext, options: FileOptions
) -> OpenSource:
    _check_tracking(contract, context, options)
    ledger, store = Ledger(context), open_store(location, options, context)
    own = Taken(after_load=options.after_load, files=())
    known: set[bytes] = set()
    for run_date, taken in ledger.read_all():
        settle_pending(run_date, taken, ledger, store)
        known.update(map(identity, taken.files))
        own = taken if run_date == context.run_date else own
    found = _find(location, contract, context, options)
    if not found.files and not _has_taken_from(location, found.folder, ledger):
        raise _nothing_at(location, contract)
    completed = completed_folder(found.folder, options)
    arrivals = choose_files(found, own=own, known=known, completed=completed)
    reading = _TrackedReading(contract, context, options, store)
    # A backfill leaves the source as it is, and so does whoever replays what it has extracted.
    progress = reading.progress if context.backfill_from is None else dict
    return OpenSource(items=reading.read(arrivals), progress=progress)


def _has_taken_from(location: str, folder: str, ledger: Ledger) -> bool:
    """Whether a location has held files, so that it may be empty by now."""
    return any(
        file.uri == location or file.uri.startswith(folder)
        for _, taken in ledger.read_all()
        for file in taken.files
    )


class _TrackedReading:
    """Reads files, and notes what it has read of each."""

    def __init__(
        self, contract: Contract, context: SourceContext, options: FileOptions, store: Store
    ) -> None:
        self._contract = contract
        self._options = options
        self._done: list[TakenFile] = []
        self._replay = partial(
            replay_file,
            contract=contract,
            run_date=context.run_date,
            options=options,
            s3=context.client("s3"),
            store=store,
        )

    def read(self, arrivals: Sequence[Arrival]) -> Iterator[Item]:
        """The files' records."""
        for taken, present in zip(
            (each.taken for each in arrivals), fetch_ahead(each.present for each in arrivals)
        ):
            yield taken.found
            rows = 0
            for lines in self._read_one(present) if present else self._replay(taken):
                rows += lines.rows
                yield lines
            # As if it was taken for the first time: the same files make the same manifest.
            self._done.append(replace(taken, rows=rows, objects=(), settled=False))

    def progress(self) -> dict[str, Any]:
        """The files that have been read."""
        return Taken(after_load=self._options.after_load, files=self._done).to_progress()

    def _read_one(self, file: SourceFile) -> Iterator[Lines]:
        return read_file(file, contract=self._contract, options=self._options)


def _check_tracking(contract: Contract, context: SourceContext, options: FileOptions) -> None:
    if context.backfill_from is not None and "{run_date" not in contract.source.location:
        raise UsageError(
            f"{contract.dataset} takes each file once, on the date of the run that finds it first: "
            "a backfill cannot know which files are a date's",
            fix="put {run_date} into the source's location, or run the flow without a backfill",
        )
    if options.after_load == "delete" and contract.raw.format != "jsonl":
        raise ContractError(
            f"contract {contract.dataset}: files that are deleted are read again from raw, which "
            f"{contract.raw.format} is not made for",
            fix="keep raw as JSON lines, or write afterLoad: move",
        )


def _nothing_at(location: str, contract: Contract) -> SourceError:
    format = contract.source.format
    return SourceError(
        f"no {format} file at {location}",
        fix="check the source's location in the contract or in config/, and the run date; of a "
        f"folder, files count whose names end in {' or '.join(SUFFIXES[format])}",
    )
