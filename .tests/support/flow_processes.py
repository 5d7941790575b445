"""flows/full_pipeline.py in processes of its own, each at the price of a fork."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import faulty_flow

_LONGEST_SECONDS = 600


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code, or minus the number of the signal that ended it."""

    code: int
    output: str
    errors: str

    @property
    def report(self) -> dict[str, Any]:
        """What `--json` printed, of a run that ended well."""
        assert self.code == 0, self.errors
        found: dict[str, Any] = json.loads(self.output)
        return found


class FlowProcesses:
    """Runs the command line, one process after the other, from one that has imported it all."""

    def __init__(self, folder: Path, prefect_api_url: str) -> None:
        """Start; `folder` takes what runs print."""
        self._output, self._errors = folder / "output.txt", folder / "errors.txt"
        self._process = subprocess.Popen(
            [sys.executable, faulty_flow.__file__, "--fork"],
            env=os.environ | {"PREFECT_API_URL": prefect_api_url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(
        self,
        *arguments: str,
        environ: Mapping[str, str],
        plan: Mapping[str, object],
        contracts: Path,
    ) -> Ended:
        """Run it to its end.

        Args:
            environ: Variables to set.
            plan: What `support.faulty_flow` is to do to it.
            contracts: The folder of its contracts.
        """
        harm = {"FAULT_PLAN": json.dumps(plan), "FAULT_CONTRACTS": str(contracts)}
        task = {
            "arguments": arguments,
            "environ": {**environ, **harm},
            "output": str(self._output),
            "errors": str(self._errors),
        }
        assert self._process.stdin and self._process.stdout
        print(json.dumps(task), file=self._process.stdin, flush=True)
        answered, _, _ = select.select([self._process.stdout], [], [], _LONGEST_SECONDS)
        assert answered, f"no end after {_LONGEST_SECONDS} s: {self._errors.read_text()}"
        code = json.loads(self._process.stdout.readline())["code"]
        return Ended(code, self._output.read_text(), self._errors.read_text())

    def close(self) -> None:
        """End, with a run that has not."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
