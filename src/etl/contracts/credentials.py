"""Credentials that stand where everybody can read them: a contract is kept with every run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_NAME = re.compile(
    r"((api|access|auth|private|secret|subscription)[_-]?)?key"
    r"|(.*[_-])?(token|secret|passw(or)?d|pwd|signature)|accesstoken|sig",
    re.IGNORECASE,
)


def credentials_in(location: str, options: Mapping[str, Any]) -> Iterator[str]:
    """What of a source's location and options is a credential, without its value."""
    yield from _in_url(location)
    for name, value in options.items():
        if isinstance(value, str) and "://" in value:
            yield from _in_url(value)
        elif isinstance(value, Mapping):
            yield from (f"the parameter {each}" for each in value if _NAME.fullmatch(str(each)))


def _in_url(text: str) -> Iterator[str]:
    try:
        url = urlsplit(text)
    except ValueError:
        return  # who reads the source says what is wrong with it
    if url.password:
        yield "a password"
    for name, value in parse_qsl(url.query):
        if value and _NAME.fullmatch(name):
            yield f"the parameter {name}"
