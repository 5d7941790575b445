from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from etl.root import ROOT
from etl.stream.signals import Stop, StopRequestedError


@pytest.fixture
def stop() -> Iterator[Stop]:
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    yield Stop.on_signals()
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_first_signal_is_a_request_and_ends_waiting(stop: Stop, number: signal.Signals) -> None:
    assert not stop.wait(0)
    signal.raise_signal(number)
    assert stop.is_requested and stop.wait(None)


def test_signal_while_nothing_is_read_ends_the_block_at_once(stop: Stop) -> None:
    with pytest.raises(StopRequestedError), stop.interrupting():
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(StopRequestedError), stop.interrupting():
        pytest.fail("it was requested before")


def test_second_signal_aborts_at_once_or_soon() -> None:
    """Soon: where the program does not end by itself."""
    program = (
        "import signal, time\n"
        "from etl.stream import signals\n"
        "signals._ABORT_SECONDS = 0.1\n"
        "signals.Stop.on_signals()\n"
        "signal.raise_signal(signal.SIGTERM)\n"
        "try:\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', flush=True)\n"
        "time.sleep(60)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stdout) == (130, "interrupted\n")
    assert "aborted" in done.stderr
