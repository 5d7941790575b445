"""Keep, move or delete files whose records are loaded; it can be done again at any point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import PurePosixPath

from etl.errors import SourceError
from etl.manifest import Manifest
from etl.model import Contract
from etl.sources.files.ledger import Ledger, Taken, TakenFile, identity, with_objects
from etl.sources.files.options import AfterLoad, read_file_options
from etl.sources.files.stores import Store, open_store
from etl.sources.records import SourceContext, SourceObject

_AT_ONCE = 8


def settle_files(contract: Contract, manifest: Manifest, context: SourceContext) -> Counter[str]:
    """Remember which files the run has taken, and then do with them what the contract says.

    Where each is to go is written before the first is moved: what a run that dies in between has
    left undone, `settle_pending` does.

    Returns:
        How many files have been "kept", "moved" and "deleted" by this.

    Raises:
        SourceError: The run of another date has taken one of the files since this one began.
    """
    store = open_store(contract.source.location, read_file_options(contract), context)
    ledger = Ledger(context)
    read = Taken.from_progress(manifest.progress)
    earlier = ledger.read(manifest.run_date)
    decided = {each.found: each for each in earlier.files if earlier.after_load == read.after_load}
    files = with_objects(read.files, manifest.objects)
    taken = replace(read, files=_with_targets(files, decided, store))
    _check_not_taken(taken, manifest.run_date, ledger)
    ledger.write(manifest.run_date, taken)
    return _settle(manifest.run_date, taken, ledger, store)


def settle_pending(run_date: date, taken: Taken, ledger: Ledger, store: Store) -> None:
    """Move and delete what the date's run has not, if it was killed meanwhile."""
    if taken.pending:
        _settle(run_date, taken, ledger, store)


def _check_not_taken(taken: Taken, run_date: date, ledger: Ledger) -> None:
    files = {identity(each): each.uri for each in taken.files}
    for other_date, other in ledger.read_all():
        both = files.keys() & set(map(identity, other.files))
        if other_date != run_date and both:
            raise SourceError(
                f"{files[both.pop()]} was taken by the run of {other_date} as well, which ran at "
                "the same time",
                fix="run this date again: it will leave the file to the other",
            )


def _settle(run_date: date, taken: Taken, ledger: Ledger, store: Store) -> Counter[str]:
    if taken.after_load == "keep":
        return Counter(kept=len(taken.files))
    pending = taken.pending
    settle = partial(_settle_one, after_load=taken.after_load, store=store)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="settle") as pool:
        outcomes = Counter(pool.map(settle, pending))
    done = [replace(each, settled=True) for each in taken.files]
    ledger.write(run_date, replace(taken, files=done))
    return outcomes


def _settle_one(file: TakenFile, *, after_load: AfterLoad, store: Store) -> str:
    outcome = {"move": "moved", "delete": "deleted"}[after_load]
    found = store.find(file.uri)
    if found is None:
        return outcome
    if found.found != file.found:
        is_settled = False
    elif file.completed:
        is_settled = store.move(file.found, file.completed)
    else:
        is_settled = store.delete(file.found)
    return outcome if is_settled else "kept"  # another file by now, which a later run takes


def _with_targets(
    files: Sequence[TakenFile], decided: Mapping[SourceObject, TakenFile], store: Store
) -> list[TakenFile]:
    """Each file with a place of its own to be moved to; what was decided before stands."""
    fresh = [each.completed for each in files if each.completed and each.found not in decided]
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="settle") as pool:
        occupied = {uri for uri, found in zip(fresh, pool.map(store.find, fresh)) if found}
    occupied.update(each.completed for each in decided.values() if each.completed)
    placed: list[TakenFile] = []
    for file in files:
        if before := decided.get(file.found):
            file = replace(file, completed=before.completed, settled=before.settled)
        elif file.completed in occupied:
            file = replace(file, completed=_another_name(file))
        placed.append(file)
    return placed


def _another_name(file: TakenFile) -> str:
    """prices.3f2a91c0.csv.gz: another version of the file has taken the plain name."""
    mark = identity(file)[:4].hex()
    folder, slash, name = str(file.completed).rpartition("/")
    suffixes = "".join(PurePosixPath(name).suffixes)
    return f"{folder}{slash}{name.removesuffix(suffixes)}.{mark}{suffixes}"
