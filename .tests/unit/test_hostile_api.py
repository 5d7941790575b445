"""An API that means harm: what it sends is refused, and takes no more memory than its limit."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import boto3
import pytest
import zstandard
from moto import mock_aws
from source_samples import make_contract, serve
from support.scripted_http import Response, Scripted, ok
from support.source_contexts import source_context

from etl.errors import SourceError
from etl.sources.api.paging import find_next_link
from etl.sources.open import open_source

DAY = date(2026, 1, 5)
MIB = 1024 * 1024
PAGE = b'{"data": [{"id": 1}], "next_cursor": null}'
ZEROS = bytes(256 * MIB)


def read(location: str, **options: Any) -> list[bytes]:
    quick = {"backoff_seconds": 0.001, "attempts": 2, "longest_wait_seconds": 0.01}
    contract = make_contract(location, options=quick | {"page_limit_mib": 1} | options)
    secrets = boto3.client("secretsmanager")
    items = open_source(contract, source_context(DAY, secretsmanager=secrets)).items
    return [each for each in items if isinstance(each, bytes)]


def packed(body: bytes, encoding: str) -> Response:
    """An answer with the body compressed."""
    pack = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "zstd": zstandard.ZstdCompressor().compress,
    }
    return ok(pack[encoding](body), ("Content-Encoding", encoding))


@contextmanager
def memory_below(limit_mib: int) -> Iterator[None]:
    """Assert what is allocated at most inside the block."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit_mib * MIB
    finally:
        tracemalloc.stop()


def test_page_that_unpacks_beyond_its_limit_is_refused_in_little_memory() -> None:
    with serve(Scripted(packed(ZEROS, "gzip"))) as url, memory_below(48):
        with pytest.raises(SourceError, match="answered more than 1 MiB") as caught:
            read(url)
    assert "pageLimitMib" in caught.value.fix


@pytest.mark.parametrize("encoding", ["zstd", "deflate"])
def test_page_in_a_compression_that_was_not_asked_for_is_refused(encoding: str) -> None:
    pages = Scripted(packed(ZEROS, encoding))
    with serve(pages) as url, memory_below(48):
        with pytest.raises(SourceError, match=f"compressed by '{encoding}'") as caught:
            read(url)
    assert "gzip is read" in caught.value.fix
    assert pages.headers[0]["HTTP_ACCEPT_ENCODING"] == "gzip"


def test_bytes_behind_a_packed_page_count_too() -> None:
    body = gzip.compress(PAGE) + bytes(2 * MIB)
    with serve(Scripted(ok(body, ("Content-Encoding", "gzip")))) as url:
        with pytest.raises(SourceError, match="answered more than 1 MiB"):
            read(url)


def test_packed_page_is_read() -> None:
    with serve(Scripted(packed(PAGE, "gzip"))) as url:
        assert read(url) == [b'{"id": 1}']


def test_packed_page_that_is_cut_off_is_asked_for_again() -> None:
    cut = ok(gzip.compress(PAGE)[:-9], ("Content-Encoding", "gzip"))
    with serve(Scripted(cut, packed(PAGE, "gzip"))) as url:
        assert read(url) == [b'{"id": 1}']


@mock_aws
def test_token_that_unpacks_beyond_the_limit_is_refused_in_little_memory() -> None:
    client = {"client_id": "etl", "client_secret": "s3cret"}
    boto3.client("secretsmanager").create_secret(Name="shop", SecretString=json.dumps(client))
    with serve(Scripted(packed(ZEROS, "gzip"))) as url, memory_below(48):
        with pytest.raises(SourceError, match="answered more than 1 MiB"):
            read(url, auth="oauth2", secret="shop", token_url=f"{url}/token")


@pytest.mark.timeout(60)  # it would take hours
def test_link_header_of_beginnings_alone_is_no_link() -> None:
    assert find_next_link("<" * 1_000_000) is None
    assert find_next_link("<" * 1_000 + 'a>; rel="next"') == "a"
