"""Have what a run needs to itself while this process carries it."""

from __future__ import annotations

import logging
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

from botocore.exceptions import BotoCoreError, ClientError

from etl.errors import EtlError, LeaseHeldError, LeaseLostError
from etl.lease import process
from etl.lease.places import is_running, places_of
from etl.lease.record import Lease, Place
from etl.lease.take import Taking
from etl.run import Run

log = logging.getLogger("etl")

_WORDS_A_LEASE = 3


@contextmanager
def hold(run: Run) -> Iterator[Run]:
    """Keep other runs from the run's dataset and run date; the run, which can confirm that.

    Where its source goes by what other dates' runs have taken, it waits for such a run to end.

    Raises:
        LeaseHeldError: Another run of the same date is at work.
        StorageError: The artifacts bucket is missing or refuses access.
    """
    own, *shared = places_of(run)
    with ExitStack() as held:
        keepers = [held.enter_context(_keep(run, own))]
        keepers += [held.enter_context(_keep(run, each, waits=True)) for each in shared]

        def confirm() -> None:
            for keeper in keepers:
                keeper.confirm()

        yield replace(run, confirm=confirm)


@contextmanager
def _keep(run: Run, place: Place, *, waits: bool = False) -> Iterator[Keeper]:
    mine = _lease_of(run)
    sign = process.LifeSign(mine.holder)
    try:
        etag = Taking(place, runs=partial(is_running, run), waits=waits).take(mine)
    except BaseException as error:
        # Of another failure than the refusal nobody knows whether the lease was taken.
        sign.end(leave=not isinstance(error, LeaseHeldError))
        raise
    keeper = Keeper(place, mine, etag)
    keeper.start()
    try:
        yield keeper
    finally:
        sign.end(leave=not keeper.give_back())


def _lease_of(run: Run) -> Lease:
    host = process.host_name()
    return Lease(
        holder=uuid.uuid4().hex,
        who=f"run {run.run_id} of {run.run_date} (process {os.getpid()} on {host})",
        host=host,
        seconds=run.settings.lease.seconds,
    )


class Keeper:
    """Renews a lease while this process lives, and gives it back."""

    def __init__(self, place: Place, lease: Lease, etag: str) -> None:
        self._place = place
        self._lease = lease
        self._etag = etag
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    def start(self) -> None:
        """Renew it from time to time."""
        self._thread.start()

    def confirm(self) -> None:
        """Renew it.

        Raises:
            LeaseLostError: It is another's.
        """
        with self._lock:
            self._write(self._lease.renewed())

    def give_back(self) -> bool:
        """Let the next one have it at once; whether that could be said."""
        self._stopping.set()
        with self._lock:
            try:
                self._write(replace(self._lease.renewed(), is_over=True))
            except (EtlError, BotoCoreError, ClientError) as error:
                log.debug("the lease was not given back: %s", error)
                return False
        return True

    def _write(self, lease: Lease) -> None:
        etag = self._place.swap(lease, self._etag)
        if etag is None:  # or was it an earlier write of ours, whose answer was lost?
            found = self._place.read()
            if found is not None and found.lease.holder == lease.holder:
                etag = self._place.swap(lease, found.etag)
        if etag is None:
            raise _lost(self._place)
        self._etag = etag

    def _renew(self) -> None:
        while not self._stopping.wait(self._lease.seconds / _WORDS_A_LEASE):
            try:
                with self._lock:
                    if not self._stopping.is_set():
                        self._write(self._lease.renewed())
            except LeaseLostError:
                return  # the next step asks, and is told
            except (EtlError, BotoCoreError, ClientError) as error:
                log.debug("the lease was not renewed: %s", error)


def _lost(place: Place) -> LeaseLostError:
    found = place.read()
    who = found.lease.who if found else "somebody"
    return LeaseLostError(
        f"{place.what}: this run was not heard of for too long, and {who} has taken its place",
        fix="let that run end; nothing is written here any more",
    )
