"""Events from standard input to the warehouse, and a batch that is larger than memory may get."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

import psutil
from support.pipeline_runs import Bench
from support.stream_runs import COMMAND, StreamProcess

from etl.settings import load_settings
from local_cloud.demo_events import make_events

ENGINE = "duckdb"
DAY, LARGE_DAY = date(2025, 3, 11), date(2025, 3, 12)
START = datetime(2025, 3, 11, 8, tzinfo=UTC)
_MIB = 1024 * 1024


def is_valid(event: dict[str, Any]) -> bool:
    return (
        event["event_id"] is not None
        and event["event_type"] != "teleport"
        and event["occurred_at"] != "yesterday"
        and event.get("amount", 0) != -1
        and (event["event_type"] != "purchase" or event.get("amount") is not None)
    )


def as_row(event: dict[str, Any]) -> tuple[Any, ...]:
    user, amount = event.get("user", {}), event.get("amount")
    occurred_at = datetime.fromisoformat(event["occurred_at"])
    return (
        *(event["event_id"], event["event_type"], event["session_id"]),
        *(user.get("id"), user.get("country")),
        *(event["page"]["path"], event["page"].get("referrer"), event["page"]["load_ms"]),
        None if amount is None else Decimal(str(amount)).quantize(Decimal("0.01")),
        *(occurred_at, datetime.fromisoformat(event["sent_at"]), occurred_at.date(), DAY),
    )


def test_events_from_standard_input_are_in_the_warehouse(make_bench: Callable[[], Bench]) -> None:
    bench = make_bench()
    events = list(islice(make_events(seed=3, start=START), 600))
    # Two streams, and what the first did not acknowledge is sent again: a few events come twice.
    for part in (events[:400], events[380:]):
        stream = StreamProcess(
            *("--dataset", "events", "--run-date", str(DAY), "--batch-records", "100")
        )
        stream.input.writelines(json.dumps(each).encode() + b"\n" for each in part)
        stream.input.close()
        assert stream.wait(60) == 0, stream.said
        assert stream.records() == len(part)

    report = bench.run_json(str(DAY), "--dataset", "events")

    expected: dict[str, dict[str, Any]] = {}
    for each in filter(is_valid, events):
        known = expected.get(each["event_id"])
        if known is None or each["sent_at"] > known["sent_at"]:
            expected[each["event_id"]] = each
    columns = (
        "event_id, event_type, session_id, user_id, user_country, page_path, page_referrer,"
        " page_load_ms, amount, occurred_at, sent_at, event_date, ingest_date"
    )
    found = bench.query(f"SELECT {columns} FROM {{s}}.events")
    assert sorted(found) == sorted(map(as_row, expected.values()))
    rows = report["rows"]
    assert (rows["extracted"], rows["loaded"]) == (620, len(expected))
    assert rows["quarantined"] == sum(not is_valid(each) for each in [*events, *events[380:400]])


def test_figures_of_a_stream_are_in_the_log_group(client: Callable[[str], Any]) -> None:
    stream = StreamProcess("--dataset", "events", "--run-date", "2025-03-13")
    stream.input.write(b'{"n":1}\n{"n":2}')
    stream.input.close()
    assert stream.wait(60) == 0 and stream.records() == 2
    group = load_settings("local").metrics.log_group
    events = client("logs").get_log_events(
        logGroupName=group, logStreamName="local/events/stream", startFromHead=False
    )["events"]
    assert 2 in [json.loads(each["message"])["Records"] for each in events]
    assert any("throughput" in line for line in stream.said)


def test_batch_of_any_size_takes_bounded_memory(cloud: dict[str, str]) -> None:
    """One batch of 160 MiB; bench/stream_memory.py does it with a GiB and the usual batches."""
    noise = random.Random(1).randbytes(_MIB // 4).hex()
    line = json.dumps({"noise": noise[:500]}).encode()
    lines = (
        json.dumps({"noise": noise[at : at + 500]}).encode() for at in range(0, _MIB // 2, 500)
    )
    block = b"\n".join(lines) + b"\n" + line + b"\n"
    stream = subprocess.Popen(
        [*COMMAND, "--dataset", "events", "--run-date", str(LARGE_DAY), "--quiet", "--json"]
        + ["--batch-mib", "1024", "--batch-records", "100000000", "--batch-seconds", "600"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert stream.stdin and stream.stdout
    sent, resident, watched = 0, [], psutil.Process(stream.pid)
    with stream.stdin:
        while sent < 160 * _MIB:
            stream.stdin.write(block)
            sent += len(block)
            resident.append(watched.memory_info().rss)
    (acknowledged,) = map(json.loads, stream.stdout)
    assert stream.wait() == 0
    assert acknowledged["records"] == sent // len(block) * block.count(b"\n")
    assert max(resident) < 260 * _MIB
