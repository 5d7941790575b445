"""URLs: whose they are, and what of them may be shown."""

from __future__ import annotations

import re

import httpx

from etl.errors import ContractError, SourceError

_SECRET = re.compile(r"key|token|secret|password|signature|^sig$", re.IGNORECASE)


def parse_url(location: str) -> httpx.URL:
    """A source's location.

    Raises:
        ContractError: There is a password in it.
        SourceError: It is no URL of a host.
    """
    try:
        url = httpx.URL(location)
    except httpx.InvalidURL as error:
        raise SourceError(
            f"the source's location is not a URL: {error}",
            fix="correct the source's location in the contract or in config/",
        ) from error
    if url.password:
        raise ContractError(
            f"the source's location {show_url(url)} has a password in it",
            fix="take it out, and name a secret: auth: basic, secret: …",
        )
    if url.scheme not in ("http", "https") or not url.host:
        raise SourceError(
            f"{show_url(url)!r} is not an http:// or https:// URL",
            fix="correct the source's location in the contract or in config/",
        )
    return url


def origin_of(url: httpx.URL) -> tuple[str, str, int]:
    """Scheme, host and port: who answers."""
    return url.scheme, url.host, url.port or {"https": 443}.get(url.scheme, 80)


def show_url(url: httpx.URL) -> str:
    """A URL to be shown: without a password, and with `***` for parameters that sound secret."""
    shown = url.copy_with(username=None, password=None, fragment=None)
    secret = {name: "***" for name in url.params if _SECRET.search(name)}
    return str(shown.copy_merge_params(secret) if secret else shown)
