"""flows/full_pipeline.py, with a fault at one of the calls that it makes.

The plan is JSON in FAULT_PLAN: {"record": file} writes what is called, a line each; {"at": call,
"fault": …} harms the first such call:

- "refused": it is not made, and the caller is told that the other side was not reached;
- "unanswered": it is made, and the answer is lost;
- "killed before", "killed after": SIGKILL, as the machine's or the container's end.

Calls are those of boto3's clients and the statements of psycopg2's cursors, in the words of
`describe`, which are the same for every run of a date. FAULT_CONTRACTS is a folder to read
contracts from instead of config/contracts/.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import botocore.client
import psycopg2
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from psycopg2 import extensions

Result = TypeVar("Result")
FAULTS = ("refused", "unanswered", "killed before", "killed after")
FLOW = Path(__file__).resolve().parents[2] / "flows" / "full_pipeline.py"
_CHANGING = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{8}T\d{6}\.\d{6}Z|[0-9a-f]{12,}|e2e_[0-9a-f]+|jr_\w+"
)


def describe(operation: str, what: str) -> str:
    """A call, without what differs from run to run: ids, digests, a bench's schema."""
    return f"{operation} {_CHANGING.sub('*', ' '.join(what.split()))}"[:110].strip()


class Harm:
    """Does what the plan says, once."""

    def __init__(self, plan: dict[str, str]) -> None:
        self._plan = plan
        self._lock = threading.Lock()
        self._is_done = False

    def around(
        self, call: str, make: Callable[[], Result], *, refused: Exception, unanswered: Exception
    ) -> Result:
        """Make a call, or not, or not tell."""
        fault = self._due(call)
        if fault == "killed before":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "refused":
            raise refused
        result = make()
        if fault == "killed after":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "unanswered":
            raise unanswered
        return result

    def _due(self, call: str) -> str | None:
        with self._lock:
            if record := self._plan.get("record"):
                with Path(record).open("a", encoding="utf-8") as file:
                    print(call, file=file)
            if self._is_done or call != self._plan.get("at"):
                return None
            self._is_done = True
        return self._plan["fault"]


def harm_aws(harm: Harm) -> None:
    """Go between the code and boto3's clients: above their own retries."""
    made = botocore.client.BaseClient._make_api_call

    def call(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        names = ("Key", "Prefix", "JobName", "FunctionName", "Name", "TableName", "SecretId", "Sql")
        what = " ".join(str(parameters[name]) for name in names if name in parameters)
        endpoint = self.meta.endpoint_url
        return harm.around(
            describe(f"{self.meta.service_model.service_name} {operation}", what),
            lambda: made(self, operation, parameters),
            refused=EndpointConnectionError(endpoint_url=endpoint),
            unanswered=ReadTimeoutError(endpoint_url=endpoint),
        )

    botocore.client.BaseClient._make_api_call = call


def harm_warehouse(harm: Harm) -> None:
    """Go between the code and the warehouse's connection, which a fault ends."""

    class Cursor(extensions.cursor):
        def execute(self, query: Any, vars: Any = None) -> None:
            def lose() -> psycopg2.OperationalError:
                return psycopg2.OperationalError("server closed the connection unexpectedly")

            try:
                harm.around(
                    describe("warehouse", str(query)[:60]),
                    lambda: super(Cursor, self).execute(query, vars),
                    refused=lose(),
                    unanswered=lose(),
                )
            except psycopg2.OperationalError:
                self.connection.close()
                raise

    connect = psycopg2.connect

    def connecting(*arguments: Any, **named: Any) -> Any:
        return connect(*arguments, cursor_factory=Cursor, **named)

    psycopg2.connect = connecting


if __name__ == "__main__":
    sys.path[:1] = [
        str(FLOW.parent),
        str(FLOW.parents[1] / "src"),
    ]  # as `python flows/full_pipeline.py` has it
    planned = Harm(json.loads(os.environ["FAULT_PLAN"]))
    harm_aws(planned)
    harm_warehouse(planned)
    if folder := os.environ.get("FAULT_CONTRACTS"):
        from etl import pipeline

        pipeline.load_contract = partial(pipeline.load_contract, folder=Path(folder))
    sys.argv[0] = str(FLOW)
    runpy.run_path(str(FLOW), run_name="__main__")
