"""Events of the demo shop's visitors, as JSON lines on standard output.

    python -m local_cloud.demo_events --count 1000 | python flows/stream_to_s3.py --dataset events

The same seed and start give the same events. One in 50 is bad on purpose, each kind in turn, and
one in 40 repeats the event before it, as a producer does that was not answered.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

_BAD_EVERY, _REPEAT_EVERY = 50, 40
_BAD: tuple[dict[str, Any], ...] = (
    {"event_type": "teleport"},
    {"event_id": None},
    {"amount": -1},
    {"occurred_at": "yesterday"},
    {"event_type": "purchase", "amount": None},
)
_TYPES, _WEIGHTS = ("page_view", "search", "add_to_cart", "purchase"), (70, 15, 10, 5)
_PATHS = ("/", "/catalogue", "/catalogue/shoes", "/basket", "/checkout", "/søk?q=støvler")
_COUNTRIES = ("SE", "NO", "DE", "ES", "IN", "BR")


def make_events(*, seed: int, start: datetime) -> Iterator[dict[str, Any]]:
    """Events without end, some milliseconds apart.

    Args:
        start: When the first one occurs.
    """
    chance = random.Random(seed)
    moment = start
    event: dict[str, Any] = {}
    for index in range(sys.maxsize):
        moment += timedelta(milliseconds=chance.randint(1, 40))
        if index % _REPEAT_EVERY == _REPEAT_EVERY - 1:
            event = event | {"sent_at": _text(moment)}
        else:
            event = _event(chance, moment)
        is_bad = index % _BAD_EVERY == _BAD_EVERY - 7
        yield event | _BAD[index // _BAD_EVERY % len(_BAD)] if is_bad else event


def _event(chance: random.Random, moment: datetime) -> dict[str, Any]:
    kind = chance.choices(_TYPES, _WEIGHTS)[0]
    event: dict[str, Any] = {
        "event_id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        "event_type": kind,
        "session_id": f"s-{chance.getrandbits(40):010x}",
        "page": {"path": chance.choice(_PATHS), "load_ms": chance.randint(20, 4000)},
        "occurred_at": _text(moment - timedelta(milliseconds=chance.randint(0, 900))),
        "sent_at": _text(moment),
    }
    if chance.random() < 0.6:
        event["user"] = {"id": chance.randint(1, 50_000), "country": chance.choice(_COUNTRIES)}
    if kind == "purchase":
        event["amount"] = chance.randint(100, 90_000) / 100
    return event


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def main() -> int:
    """Write events; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m local_cloud.demo_events", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--count", type=int, help="how many; by default without end")
    parser.add_argument("--rate", type=float, help="so many a second; by default at once")
    parser.add_argument("--seed", type=int, default=1, help="other events; by default 1")
    options = parser.parse_args()
    events = make_events(seed=options.seed, start=datetime.now(UTC))
    try:
        for event in islice(events, options.count):
            print(json.dumps(event, ensure_ascii=False), flush=options.rate is not None)
            if options.rate:
                time.sleep(1 / options.rate)
        sys.stdout.flush()
    except (BrokenPipeError, KeyboardInterrupt):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes at its end
    return 0


if __name__ == "__main__":
    sys.exit(main())
