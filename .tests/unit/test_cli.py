"""The command line: arguments, exit codes, what a failure prints."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from prefect.exceptions import TerminationSignal

from etl import cli, flow_arguments
from etl.errors import SourceError, UsageError
from etl.root import ROOT


@pytest.fixture(autouse=True)
def _keep_signals():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def raising(error: BaseException) -> Callable[[], None]:
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize("text", ["2026-1-1", "yesterday", "2026-02-30", "20260101", "", "1e3"])
def test_run_date_of_wrong_form_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        flow_arguments.pipeline_arguments(["--run-date", text])
    assert caught.value.code == 2
    assert f'"{text}" is not a date like 2026-01-01' in capsys.readouterr().err


def test_run_date_in_the_future_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    with pytest.raises(SystemExit) as caught:
        flow_arguments.pipeline_arguments(["--run-date", tomorrow.isoformat()])
    assert caught.value.code == 2
    assert "lies in the future" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "text", "answer"),
    [
        ("--dataset", "order", 'there is no dataset "order", did you mean "orders"?; choose one'),
        ("--env", "lokal", 'there is no environment "lokal", did you mean "local"?; choose one'),
    ],
)
def test_name_that_nothing_has_is_refused(
    option: str, text: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        flow_arguments.pipeline_arguments(["--run-date", "2026-01-01", option, text])
    assert caught.value.code == 2
    assert answer in capsys.readouterr().err


def test_arguments_have_the_documented_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ETL_ENV", raising=False)
    options = flow_arguments.pipeline_arguments(["--run-date", "2026-01-01"])
    assert (options.run_date, options.dataset, options.env) == (date(2026, 1, 1), "orders", "local")
    assert (options.loader, options.json, options.traceback) == (None, False, False)


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        flow_arguments.pipeline_arguments(["--help"])
    assert caught.value.code == 0
    assert "python flows/full_pipeline.py --run-date 2026-01-01 --json" in capsys.readouterr().out


def test_run_command_that_succeeds_exits_0() -> None:
    assert cli.run_command(lambda: None, again="x") == 0


def test_run_command_that_fails_exits_1_with_cause_fix_and_next_step(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = SourceError("the shop answers 500", fix="wait for it")
    assert cli.run_command(raising(error), again="python flows/x.py") == 1
    printed = capsys.readouterr().err
    assert "failed: the shop answers 500" in printed
    assert "fix: wait for it" in printed
    assert "next: python flows/x.py" in printed
    assert "Traceback" not in printed


def test_run_command_with_wrong_input_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(raising(UsageError("no", fix="yes")), again="x") == 2
    assert "next:" not in capsys.readouterr().err


def test_run_command_that_is_interrupted_exits_130() -> None:
    assert cli.run_command(raising(KeyboardInterrupt()), again="x") == 130


@pytest.mark.parametrize(
    ("waiting", "said"),
    [
        ("wait()", "stopped. Nothing was begun."),
        ("sys.exit(cli.run_command(wait, again='x'))", "stopped. Nothing is half done"),
    ],
)
def test_interrupt_has_no_traceback_even_while_a_flow_is_imported(waiting: str, said: str) -> None:
    script = f"""
import sys, time
from etl import cli

def wait():
    print("ready", flush=True)
    time.sleep(60)

cli.begin_imports()
{waiting}
"""
    command = [sys.executable, "-c", script]
    environ = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environ) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, complained = process.communicate(timeout=30)
    assert process.returncode == 130
    assert complained.strip().startswith(said) and "Traceback" not in complained


def test_command_leaves_what_was_imported_out_of_garbage_collection() -> None:
    script = """
import gc
from etl import cli

cli.begin_imports()
import json.tool
kept = gc.isenabled()
cli.run_command(lambda: print(kept, gc.isenabled(), gc.get_freeze_count() > 1000), again="x")
"""
    environ = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    said = subprocess.check_output([sys.executable, "-c", script], text=True, env=environ)
    assert said == "False True True\n"


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), TerminationSignal(signal.SIGTERM)])
def test_run_command_whose_interrupt_python_throws_away_ends_all_the_same(
    interrupt: BaseException,
) -> None:
    class Ending:
        def __del__(self) -> None:
            raise interrupt  # Python ignores what comes from here

    def command() -> None:
        Ending()
        time.sleep(60)

    began = time.monotonic()
    assert cli.run_command(command, again="x") == 130
    assert time.monotonic() - began < 30


def test_run_command_names_an_unforeseen_error_and_shows_its_traceback_on_request(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.run_command(raising(ZeroDivisionError("by zero")), again="x") == 1
    assert "failed: ZeroDivisionError: by zero" in capsys.readouterr().err
    cli.run_command(raising(ZeroDivisionError("by zero")), again="x", show_traceback=True)
    assert "Traceback" in capsys.readouterr().err


def test_run_command_logs_each_line_once_and_nothing_afterwards(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for _ in range(2):
        cli.run_command(lambda: logging.getLogger("etl").info("a line"), again="x")
    logging.getLogger("etl").info("another")
    printed = capsys.readouterr().err
    assert printed.count("a line") == 2 and "another" not in printed


def test_stop_gently_sets_the_event_at_the_first_signal_and_raises_at_the_second(
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), cli.stop_gently("coming to the end") as stopping:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopping.wait(5)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert "coming to the end" in capfd.readouterr().err
