"""Run a command that must not outlive the process that started this one.

Standard input is the lifeline: it reaches its end when the starter closes it or dies, however it
dies. The command runs in a process group of its own, and the whole group is killed with it. Run as
a script, with nothing but the standard library, because it must start in milliseconds.
"""

from __future__ import annotations

import os
import signal
import sys
import threading


def main(command: list[str]) -> int:
    """Run `command` until it ends or the lifeline does, and end the way it ended."""
    forwarded = (signal.SIGTERM, signal.SIGINT)
    child = os.posix_spawnp(
        command[0],
        command,
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
        setpgroup=0,
    )
    for number in forwarded:
        signal.signal(number, lambda received, _frame: _kill_group(child, received))
    threading.Thread(target=_watch_lifeline, args=(child,), daemon=True).start()
    _, status = os.waitpid(child, 0)
    _kill_group(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(status)


def _watch_lifeline(group: int) -> None:
    while os.read(0, 1):
        pass
    _kill_group(group, signal.SIGKILL)


def _kill_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
        pass


if __name__ == "__main__":
    code = main(sys.argv[1:])
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
        os.kill(os.getpid(), -code)
    sys.exit(code)
