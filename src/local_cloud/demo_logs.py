"""The demo services' log files: two days, the same whenever they are made.

Each service spells names in its own way. On purpose, some lines have a level that nobody knows, are
cut off, give a value of another type or a name in two spellings, or come twice: each file ends
with lines that its successor begins with.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

FILES_PER_SERVICE = 4
LINES_PER_FILE = 250

_START = datetime(2026, 1, 1, tzinfo=UTC)
_FILE_HOURS = 12
_REPEATED = 5
_SPELLINGS = {
    "checkout": str,
    "search": lambda name: name[0].lower() + name[1:].replace(" ", ""),
    "mail": lambda name: name.upper().replace(" ", "-"),
}
_LEVELS = ["DEBUG", "INFO", "INFO", "INFO", "INFO", "WARN", "warning", "ERROR", "error", "TRACE"]
_RESPONSE_TIMES = [0, 7, 99, 100, 640, 999, 1000, 1001, 4200, None, None, ""]
_MESSAGES = ["order placed", "cache miss", "  ", "", "Zoë sent “hello”\n", None]
_TAGS: list[Any] = [["eu", ""], [], ["a", None, "b"], None, ["  "]]


def log_files() -> Iterator[tuple[str, bytes]]:
    """Name and content of each file; every other one is compressed."""
    for service in _SPELLINGS:
        before: list[str] = []
        for number in range(FILES_PER_SERVICE):
            lines = [_line(service, number, index) for index in range(LINES_PER_FILE)]
            content = "".join(line + "\n" for line in before + lines).encode()
            before = lines[-_REPEATED:]
            start = _START + timedelta(hours=_FILE_HOURS * number)
            name = f"{service}-{start:%Y-%m-%dT%H}.jsonl"
            if number % 2:
                yield name, content
            else:
                yield f"{name}.gz", gzip.compress(content, mtime=0)


def _line(service: str, number: int, index: int) -> str:
    chosen = random.Random(f"{service} {number} {index}")  # the same wherever it is asked
    seconds = number * _FILE_HOURS * 3600 + index * (_FILE_HOURS * 3600 // LINES_PER_FILE)
    at = _START + timedelta(seconds=seconds, milliseconds=chosen.randrange(1000))
    if index % 50 == 49:  # delivered late
        at -= timedelta(days=1)
    fields: dict[str, Any] = {
        "Log Id": f"{service}-{number:02d}-{index:05d}",
        "Timestamp": at.isoformat(),
        "Level": chosen.choice(_LEVELS),
        "Service Name": "health-check" if index % 10 == 7 else service,
        "Message": chosen.choice(_MESSAGES),
        "Response Time": chosen.choice(_RESPONSE_TIMES),
        "Request": {
            "Request Id": f"r-{chosen.randrange(10**9):09d}",
            "Path": chosen.choice(["/orders", "/search?q=a%20b", ""]),
            "Status Code": chosen.choice([200, 200, 404, 500, None]),
        },
        "Tags": chosen.choice(_TAGS),
        "Thread Name": f"worker-{chosen.randrange(8)}",
    }
    _spoil(fields, index)
    spell = _SPELLINGS[service]
    line = json.dumps(_spelled(fields, spell), ensure_ascii=False)
    return line[: len(line) // 2].rstrip() if index % 97 == 96 else line


def _spoil(fields: dict[str, Any], index: int) -> None:
    match index % 61:
        case 11:
            fields["Response Time"] = "12 ms"
        case 23:
            fields["Response Time"] = -5
        case 35:
            fields["level"] = fields["Level"]
        case 47:
            fields["Request"] = "none"
        case 59:
            fields["Request"] = {}


def _spelled(value: Any, spell: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        name if name == "level" else spell(name): _spelled(inner, spell)
        for name, inner in value.items()
    }
