from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from support.contracts import StubSettings, orders_contract
from support.streams import CONTRACT, DAY

from etl.contracts import load_contract
from etl.errors import SourceError, UsageError
from etl.flow_arguments import stream_arguments
from etl.manifest import RawObject
from etl.stream import command
from etl.stream.commits import Batch
from etl.stream.open_batch import Limits
from etl.stream.run import StreamRequest, check_kind
from etl.stream.session import Acknowledgement

LIMITS = Limits(records=1, bytes=1, seconds=1)
DONE = Acknowledgement(
    batch=Batch(
        run_date=DAY,
        session="0123456789ab",
        number=0,
        objects=(RawObject(uri="s3://b/batch-1", bytes=9, sha256="", rows=3),),
        rows=3,
        rejected=1,
        position={"key": [7]},
    ),
    sequence=12,
    uri="s3://b/_batches/00000012.json",
    records_total=1004,
)


def request(**changes: Any) -> StreamRequest:
    return StreamRequest(dataset="events", environment="local", limits=LIMITS, **changes)


def test_arguments_have_defaults_for_every_limit() -> None:
    options = stream_arguments(["--dataset", "events"])
    assert (options.batch_records, options.batch_mib, options.batch_seconds) == (100_000, 64, 60)
    assert options.run_date is None and options.poll_seconds is None and options.max_polls is None


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--dataset", "evnts"], "evnts"),
        ([], "--dataset"),
        (["--dataset", "events", "--batch-records", "0"], '"0" is not a whole number above 0'),
        (["--dataset", "events", "--batch-mib", "x"], '"x" is not a number above 0'),
        (["--dataset", "events", "--batch-seconds", "inf"], '"inf" is not a number above 0'),
        (["--dataset", "events", "--run-date", "2999-01-01"], "lies in the future"),
        (["--dataset", "events", "--env", "pord"], "prod"),
    ],
)
def test_wrong_argument_is_named(
    capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        stream_arguments(arguments)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        stream_arguments(["--help"])
    shown = capsys.readouterr().out
    assert "| python flows/stream_to_s3.py --dataset events" in shown
    assert "--dataset customers --poll-seconds 30" in shown


def test_source_that_does_not_suit_the_options_is_refused() -> None:
    customers = load_contract("customers", settings=StubSettings())
    check_kind(CONTRACT, request(run_date=date(2026, 1, 1)))
    check_kind(customers, request(poll_seconds=30, max_polls=1))
    for contract, changes, fix in (
        (CONTRACT, {"poll_seconds": 30}, "leave --poll-seconds"),
        (CONTRACT, {"max_polls": 1}, "leave --poll-seconds"),
        (customers, {}, "add --poll-seconds 30"),
        (orders_contract(), {}, "full_pipeline.py --dataset orders"),
    ):
        with pytest.raises(UsageError) as refused:
            check_kind(contract, request(**changes))
        assert fix in refused.value.fix


def test_acknowledgement_says_how_many_records_are_safe_and_where(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command._print_line(DONE)
    assert capsys.readouterr().out == "1004 records are safe; batch 12: s3://b/batch-1\n"
    command._print_json(DONE)
    assert json.loads(capsys.readouterr().out) == {
        "records_total": 1004,
        "records": 4,
        "rejected": 1,
        "run_date": "2026-01-31",
        "sequence": 12,
        "commit": "s3://b/_batches/00000012.json",
        "objects": ["s3://b/batch-1"],
        "dead_letters": [],
        "position": {"key": [7]},
    }


def test_acknowledgement_that_nobody_reads_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("builtins.print", refuse)
    monkeypatch.setattr(command.os, "dup2", lambda *_: None)
    with pytest.raises(SourceError, match="nobody reads the acknowledgements"):
        command._print_line(DONE)
