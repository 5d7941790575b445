"""What a command does as a program: exit code out, no traceback for a user's mistake."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime

from etl.errors import SettingsError, UsageError


def flow_command(script: str, given: Mapping[str, object], **options: str) -> list[str]:
    """The command line that runs a flow with these of its parameters; None leaves one out.

    Args:
        options: The parameters' names by those of the options, with _ for -.
    """
    words = ["python", f"flows/{script}"]
    for option, name in options.items():
        value = given.get(name)
        if value is not None and value is not False:
            words.append("--" + option.replace("_", "-").strip("-"))
            words += [] if value is True else [str(value)]
    return words


def check_run_date(day: date) -> None:
    """Refuse a day that has not begun (UTC).

    Raises:
        UsageError: The day lies in the future.
    """
    today = datetime.now(UTC).date()
    if day > today:
        raise UsageError(
            f"{day} lies in the future (today is {today}, UTC)", fix="choose a day up to today"
        )


def begin_imports() -> None:
    """What runs until `run_command` is only imports: Ctrl-C ends the process at once, and no
    garbage is looked for."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end_at_once)
    gc.disable()


def _end_imports() -> None:
    if signal.getsignal(signal.SIGINT) is _end_at_once:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not gc.isenabled():
        gc.freeze()  # or Python's end would walk through Prefect several times: a second
        gc.enable()


def _end_at_once(signum: int, frame: object) -> None:
    print("\nstopped. Nothing was begun.", file=sys.stderr, flush=True)
    os._exit(130)


def run_command(
    command: Callable[[], None],
    *,
    again: str,
    show_traceback: bool = False,
    stopped: str = "stopped. Nothing is half done: the same command starts over.",
    speaker: str = "etl",
) -> int:
    """Run a command as a program does: progress on standard error, a short word on failure.

    SIGTERM does what Ctrl-C does, unless the program has set a handler of its own.

    Args:
        again: The command line to give as the next step after a failure.
        stopped: What to say after Ctrl-C.
        speaker: The logger that shows progress; of others, only warnings are shown.

    Returns:
        The exit code: 0, 1 after a failure, 2 after a mistake in the input, 130 after Ctrl-C.
    """
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)
    _end_imports()
    with _log_to_stderr(speaker), _interrupts_insist():
        try:
            command()
        except KeyboardInterrupt:
            print(f"\n{stopped}", file=sys.stderr)
            return 130
        except (UsageError, SettingsError) as error:
            _complain(error, again=None, show_traceback=show_traceback)
            return 2
        except Exception as error:
            _complain(error, again=again, show_traceback=show_traceback)
            return 1
        return 0


@contextmanager
def _interrupts_insist() -> Iterator[None]:
    """Have an interrupt come again that Python has thrown away, as it does in __del__ methods.

    Within a flow, Prefect turns SIGTERM into an exception of its own, which is as easily lost.
    """
    before = sys.unraisablehook
    again: list[threading.Timer] = []

    def look(ignored: sys.UnraisableHookArgs) -> None:
        if isinstance(ignored.exc_value, Exception | GeneratorExit | SystemExit | None):
            before(ignored)
            return
        again.append(threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)))
        again[-1].start()

    sys.unraisablehook = look
    try:
        yield
    finally:
        sys.unraisablehook = before
        for each in again:
            each.cancel()


def _complain(error: Exception, *, again: str | None, show_traceback: bool) -> None:
    from etl.describe import describe_error  # botocore with it: only a failure is worth that

    if show_traceback:
        traceback.print_exception(error)
    print(f"\nfailed: {describe_error(error)}", file=sys.stderr)
    if again:
        print(f"  next: {again}   (safe to repeat; --traceback shows more)", file=sys.stderr)


def _terminate(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def stop_gently(words: str) -> Iterator[threading.Event]:
    """Let Ctrl-C and SIGTERM set the event; a second signal raises KeyboardInterrupt.

    Signals come to the main thread only; in another, nothing sets the event.

    Args:
        words: What to say when the first one comes.
    """
    stopping = threading.Event()

    def stop(signum: int, frame: object) -> None:
        if stopping.is_set():
            raise KeyboardInterrupt
        stopping.set()
        # Not by print: the signal may have come while standard error was being written to.
        os.write(2, f"\n{words}\n".encode())

    if threading.current_thread() is not threading.main_thread():
        yield stopping
        return
    before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


class _StandardError(logging.Handler):
    """Writes to what standard error is at the moment: a progress bar puts itself before it."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr)


@contextmanager
def _log_to_stderr(speaker: str) -> Iterator[None]:
    handler = _StandardError()
    by_speaker = logging.Filter(speaker)
    handler.addFilter(lambda each: each.levelno >= logging.WARNING or by_speaker.filter(each))
    handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", datefmt="%H:%M:%S"))
    logger = logging.getLogger("etl")
    before = logger.propagate, logger.level
    logger.addHandler(handler)
    logger.propagate = False  # Prefect's console handler would print each line again
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate, logger.level = before
