"""Take a lease that is free, or whose holder has died."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Literal

from etl.errors import LeaseHeldError
from etl.lease import process
from etl.lease.record import Found, Lease, Place

log = logging.getLogger("etl")

Verdict = Literal["alive", "ended", "changed"]
_WATCH_SECONDS = 0.5
_TURN_SECONDS = 2.0


class Taking:
    """One attempt to have a lease.

    Args:
        runs: Whether the execution of an ARN is at work.
        waits: Whether a holder that lives is waited for.
    """

    def __init__(self, place: Place, *, runs: Callable[[str], bool], waits: bool = False) -> None:
        self._place = place
        self._runs = runs
        self._waits = waits
        self._told: set[str] = set()

    def take(self, mine: Lease) -> str:
        """Have the lease; the ETag that stands for it.

        Raises:
            LeaseHeldError: Its holder lives, and is not waited for.
        """
        while True:
            found = self._place.read()
            verdict = self._judge(found, mine)
            if verdict == "ended":
                etag = self._place.swap(mine, found.etag if found else None)
                if etag is not None:
                    return etag
            elif verdict == "alive" and found is not None:
                self._stand_back(found.lease)
                time.sleep(_TURN_SECONDS)

    def _judge(self, found: Found | None, mine: Lease) -> Verdict:
        if found is None or found.lease.is_over or found.lease.holder == mine.holder:
            return "ended"
        lease = found.lease
        if lease.is_of_execution:
            return "alive" if self._runs(lease.holder) else "ended"
        state = process.state_of(lease)
        verdict = self._watch(found) if state == "unknown" else state
        if verdict == "ended":
            self._tell(f"{lease.who} has died: this run takes its place")
            process.forget(lease)
        return verdict

    def _watch(self, found: Found) -> Verdict:
        """See whether a holder elsewhere renews the lease in the time that it lasts."""
        lease = found.lease
        self._tell(f"is {lease.who} at work? Its word is waited for, at most {lease.seconds:g} s")
        ends = time.monotonic() + lease.seconds
        while time.monotonic() < ends:
            time.sleep(min(_WATCH_SECONDS, lease.seconds / 10))
            now = self._place.read()
            if now is not None and now.etag != found.etag:
                is_same = now.lease.holder == lease.holder and not now.lease.is_over
                return "alive" if is_same else "changed"
        return "ended"

    def _stand_back(self, lease: Lease) -> None:
        at_work = f"{self._place.what}: {lease.who} is at work on it, since {_time(lease)}"
        if self._waits:
            self._tell(f"{at_work}; this run begins when that has ended")
            return
        raise LeaseHeldError(
            at_work,
            fix="let it end: it leaves what this run would. Had it died, this command would have"
            " taken its place",
        )

    def _tell(self, words: str) -> None:
        if words not in self._told:
            self._told.add(words)
            log.info("%-10s %s", "lease", words)


def _time(lease: Lease) -> str:
    return f"{lease.since:%Y-%m-%d %H:%M:%S} UTC"
