"""Streams that are stopped, aborted and killed: what was acknowledged is there exactly once."""

from __future__ import annotations

import gzip
import http.client
import os
import random
import signal
import sqlite3
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from support.stream_runs import SlowProducer, StreamProcess, wait_until

from etl.contracts import load_contract
from etl.keys import parse_s3_uri, raw_prefix
from etl.manifest import Manifest
from etl.model import Contract
from etl.settings import load_settings
from etl.stream.collect import collect_stream
from etl.stream.commits import list_commits, read_commit
from local_cloud.shop_database import TABLE

EVENTS = load_contract("events", settings=load_settings("local"))
CUSTOMERS = load_contract("customers", settings=load_settings("local"))
STOPS, ABORT, KILLS = date(2025, 3, 1), date(2025, 3, 2), date(2025, 3, 3)
MOMENTS = [random.Random(seed).uniform(0, 1.5) for seed in range(10)]
EARLY = (0, 5)  # these are stopped while they may still be starting


def read(s3: Any, uris: list[str]) -> list[bytes]:
    lines: list[bytes] = []
    for uri in uris:
        bucket, key = parse_s3_uri(uri)
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        lines += gzip.decompress(body).splitlines(keepends=True)
    return lines


def listed(s3: Any, contract: Contract, run_date: date) -> list[str]:
    """The data objects below a run date's prefix."""
    bucket, prefix = parse_s3_uri(raw_prefix(contract, run_date))
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    return [f"s3://{bucket}/{key}" for key in keys if "/batch-" in key]


def collect(s3: Any, run_date: date) -> Manifest:
    return collect_stream(s3, contract=EVENTS, run_date=run_date, contract_uri="s3://b/c.json")


def stop_at(moment: float, seed: int) -> tuple[StreamProcess, SlowProducer]:
    """A stream that gets SIGTERM so many seconds after it began to work, and its producer."""
    stream = StreamProcess(
        *("--dataset", "events", "--run-date", str(STOPS)),
        *("--batch-records", "40", "--batch-seconds", "0.3"),
    )
    producer = SlowProducer(stream.input, seed=seed)
    wait_until(stream.has_begun if seed in EARLY else lambda: stream.acknowledged)
    threading.Timer(moment, stream.process.terminate).start()
    return stream, producer


def test_stream_stopped_at_any_moment_leaves_what_it_acknowledged_exactly_once(
    client: Callable[[str], Any],
) -> None:
    s3, acknowledged = client("s3"), Counter[bytes]()
    for seed in range(0, len(MOMENTS), 2):  # two at once
        running = [stop_at(MOMENTS[each], each) for each in (seed, seed + 1)]
        for stream, producer in running:
            assert stream.wait(10 + 1.5) == 0, stream.said
            producer.join()
            records = read(s3, stream.objects())
            assert records == producer.sent[: stream.records()]
            acknowledged.update(records)

    assert acknowledged and set(acknowledged.values()) == {1}
    manifest = collect(s3, STOPS)
    assert Counter(read(s3, [each.uri for each in manifest.objects])) == acknowledged
    assert Counter(read(s3, listed(s3, EVENTS, STOPS))) == acknowledged
    bucket, prefix = parse_s3_uri(raw_prefix(EVENTS, STOPS))
    assert not s3.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads")


class StuckS3(BaseHTTPRequestHandler):
    """Passes requests on, but for those that carry a batch's data: they are not answered."""

    protocol_version = "HTTP/1.1"
    target = ""
    stuck: threading.Event
    release: threading.Event

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.command == "PUT" and "/batch-" in self.path:
            self.stuck.set()
            self.release.wait(60)
        with closing(http.client.HTTPConnection(self.target)) as there:
            there.request(self.command, self.path, body, dict(self.headers))
            answer = there.getresponse()
            content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = pass_on

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def stuck_s3() -> Iterator[tuple[str, threading.Event]]:
    """The URL of an S3 that takes no data, and whether it was asked to."""
    events = {"stuck": threading.Event(), "release": threading.Event()}
    target = urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc
    handler = type("Handler", (StuckS3,), {"target": target, **events})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", events["stuck"]
        events["release"].set()
        server.shutdown()


def test_second_signal_aborts_the_batch_that_is_being_sent(client: Callable[[str], Any]) -> None:
    s3 = client("s3")
    with stuck_s3() as (url, stuck):
        stream = StreamProcess(
            *("--dataset", "events", "--run-date", str(ABORT), "--batch-seconds", "0.1"),
            environ={"AWS_ENDPOINT_URL_S3": url},
        )
        stream.input.write(b'{"n":1}\n')
        stream.input.flush()
        assert stuck.wait(60), stream.said
        stream.process.terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            stream.wait(1)  # it finishes what it is sending
        stream.process.send_signal(signal.SIGINT)
        assert stream.wait(10) == 130, stream.said
    assert stream.acknowledged == []
    assert list_commits(s3, EVENTS, ABORT) == []
    assert collect(s3, ABORT).rows == 0


class Shop:
    """A customers table that grows, one row for each moment, in the order of its watermark."""

    def __init__(self, path: Path) -> None:
        self.environ = {"ETL_PLACES__SHOP_DATABASE_URL": f"sqlite:///{path}"}
        self._path = path
        self._rows = 0
        with closing(sqlite3.connect(path)) as database, database:
            database.execute(TABLE)

    def add(self, count: int) -> None:
        start = datetime(2025, 3, 1)
        with closing(sqlite3.connect(self._path, timeout=30)) as database, database:
            for number in range(self._rows, self._rows + count):
                database.execute(
                    "INSERT INTO customers (customer_id, updated_at) VALUES (?, ?)",
                    (number, str(start + timedelta(seconds=number // 3))),  # three share each
                )
        self._rows += count

    @property
    def keys(self) -> list[int]:
        return list(range(self._rows))


def test_poll_killed_at_any_moment_goes_on_behind_its_last_commit(
    client: Callable[[str], Any], tmp_path: Path
) -> None:
    s3, shop, chance = client("s3"), Shop(tmp_path / "shop.sqlite"), random.Random(7)
    options = ("--dataset", "customers", "--run-date", str(KILLS), "--batch-records", "7")
    for _ in range(3):
        shop.add(150)
        stream = StreamProcess(*options, "--poll-seconds", "0.1", environ=shop.environ)
        wait_until(lambda: stream.acknowledged or stream.process.poll() is not None)
        shop.add(50)
        threading.Event().wait(chance.uniform(0, 0.5))
        stream.process.kill()
        assert stream.wait(10) == -signal.SIGKILL, stream.said

    last = StreamProcess(*options, "--poll-seconds", "1", "--max-polls", "1", environ=shop.environ)
    assert last.wait(60) == 0, last.said
    batches = [
        read_commit(s3, CUSTOMERS, KILLS, each) for each in list_commits(s3, CUSTOMERS, KILLS)
    ]
    uris = [each.uri for batch in batches for each in batch.objects]
    found = [int(line.split(b'"customer_id":')[1].split(b",")[0]) for line in read(s3, uris)]
    assert found == shop.keys
