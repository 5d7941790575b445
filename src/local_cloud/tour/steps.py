"""What a tour's steps have in common: what they show, and what it means that they do not."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from etl.errors import EtlError
from etl.settings import Settings

log = logging.getLogger("etl.tour")

_POLL_SECONDS = 0.3
_NEWS_SECONDS = 5

Found = TypeVar("Found")


class TourError(EtlError):
    """A step did not show what it should."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A line of the table.

    Attributes:
        step: What was done.
        answer: What came back.
        place: Where it lies.
    """

    step: str
    answer: str
    place: str


@dataclass(frozen=True, kw_only=True)
class Tour:
    """One tour.

    Attributes:
        token: Names what this tour makes, so that the next one makes its own.
        client: Makes boto3 clients of the environment.
    """

    settings: Settings
    token: str
    client: Callable[[str], Any]

    @classmethod
    def begin(cls, settings: Settings, client: Callable[[str], Any]) -> Tour:
        """A tour that is named by this moment."""
        return cls(settings=settings, token=f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}", client=client)


def expect(condition: object, message: str, *, fix: str = "") -> None:
    """Fail if a step has not shown what it should.

    Raises:
        TourError: With that message.
    """
    if not condition:
        raise TourError(message, fix=fix or "see the embedded cloud's log: make status says where")


def wait_for(what: str, look: Callable[[], Found | None], *, seconds: float) -> Found:
    """What `look` finds, as soon as it finds something.

    Raises:
        TourError: It has found nothing for so long.
    """
    began = told = time.monotonic()
    while not (found := look()):
        now = time.monotonic()
        expect(now - began < seconds, f"waited {seconds:.0f} s in vain for {what}")
        if now - told > _NEWS_SECONDS:
            told = now
            log.info("%-10s for %s, %.0f s", "waiting", what, now - began)
        time.sleep(_POLL_SECONDS)
    return found
