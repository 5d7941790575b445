"""flows/full_pipeline.py, with a fault at one of the calls that it makes.

The plan is JSON in FAULT_PLAN: {"record": file} writes what is called, a line each; {"at": call,
"nth": n, "fault": …, "done": file} harms the nth such call, the first if it says no other, and
makes the file when it does:

- "refused": it is not made, and the caller is told that the other side was not reached;
- "unanswered": it is made, and the answer is lost;
- "killed before", "killed after": SIGKILL, as the machine's or the container's end.

Calls are the flow's steps, the requests of boto3's clients and of the demo shop's reader, and the
statements of psycopg2's cursors, in the words of `describe`, which are the same for every run of a
date. FAULT_CONTRACTS is a folder to read contracts from instead of config/contracts/.

With --fork there are many runs, each at the price of a fork: one for each line of standard input,
{"arguments": […], "environ": {…}, "output": file, "errors": file}. Each is answered with a line
{"code": …}, minus the signal's number where one ended the run.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Result = TypeVar("Result")
FAULTS = ("refused", "unanswered", "killed before", "killed after")
FLOW = Path(__file__).resolve().parents[2] / "flows" / "full_pipeline.py"
STEPS = ("start", "extract", "transform", "validate", "load", "publish", "finish", "report")
_CHANGING = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{8}T\d{6}\.\d{6}Z|[0-9a-f]{12,}|e2e_[0-9a-f]+|jr_\w+"
)
_NAMES = ("Key", "Prefix", "JobName", "FunctionName", "Name", "TableName", "SecretId", "Sql")


def describe(operation: str, what: str) -> str:
    """A call, without what differs from run to run: ids, digests, a bench's schema."""
    return f"{operation} {_CHANGING.sub('*', ' '.join(what.split()))}"[:110].strip()


class Harm:
    """Does what the plan says, once."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan = plan
        self._lock = threading.Lock()
        self._made: Counter[str] = Counter()

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
            self._made[call] += 1
            if record := self._plan.get("record"):
                with Path(record).open("a", encoding="utf-8") as file:
                    print(call, file=file)
            if (call, self._made[call]) != (self._plan.get("at"), self._plan.get("nth", 1)):
                return None
        if done := self._plan.get("done"):
            Path(done).touch()
        return str(self._plan["fault"])


def harm_steps(harm: Harm) -> None:
    """Go between the flow and its steps."""
    from etl import tasks

    def between(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        never = AssertionError("a step is no request")
        return lambda *given, **more: harm.around(
            f"step {name}", lambda: function(*given, **more), refused=never, unanswered=never
        )

    for name in STEPS:
        setattr(tasks, name, between(name, getattr(tasks, name)))


def harm_source(harm: Harm) -> None:
    """Go between the API's reader and the demo shop."""
    import httpx

    send = httpx.Client.send

    def sending(self: httpx.Client, request: httpx.Request, **more: Any) -> httpx.Response:
        if "/_source/" not in request.url.path:
            return send(self, request, **more)
        return harm.around(
            describe("shop GET", f"{request.url.path}?{request.url.query.decode()}"),
            lambda: send(self, request, **more),
            refused=httpx.ConnectError("connection refused", request=request),
            unanswered=httpx.ReadTimeout("timed out", request=request),
        )

    setattr(httpx.Client, "send", sending)


def harm_aws(harm: Harm) -> None:
    """Go between the code and boto3's clients: above their own retries."""
    import botocore.client
    from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

    client: Any = botocore.client.BaseClient
    made = client._make_api_call
    submitted: dict[str, str] = {}  # statement of the Data API → how it was submitted

    def call(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        what = [str(parameters[name]) for name in _NAMES if name in parameters]
        what += [each["Key"] for each in parameters.get("Delete", {}).get("Objects", ())]
        what += parameters.get("Sqls", ())[:1]
        if parameters.get("Id") in submitted:
            what.append(f"of {submitted[parameters['Id']]}")
        name = describe(f"{self.meta.service_model.service_name} {operation}", " ".join(what))
        endpoint = self.meta.endpoint_url
        answer = harm.around(
            name,
            lambda: made(self, operation, parameters),
            refused=EndpointConnectionError(endpoint_url=endpoint),
            unanswered=ReadTimeoutError(endpoint_url=endpoint),
        )
        if operation in ("ExecuteStatement", "BatchExecuteStatement"):
            submitted[answer["Id"]] = name.partition(" ")[2]
        return answer

    client._make_api_call = call


def harm_warehouse(harm: Harm) -> None:
    """Go between the code and the warehouse's connection, which a fault ends."""
    import psycopg2
    from psycopg2 import extensions

    from aws.redshift import connection

    class Cursor(extensions.cursor):
        def execute(self, query: Any, vars: Any = None) -> None:
            lost = psycopg2.OperationalError("server closed the connection unexpectedly")

            def answered() -> None:
                super(Cursor, self).execute(query, vars)
                connection._wait(self.connection)

            try:
                harm.around(
                    describe("warehouse", str(query)),
                    answered,
                    refused=lost,
                    unanswered=lost,
                )
            except psycopg2.OperationalError:
                self.connection.close()
                raise

    connect = psycopg2.connect

    def connecting(*arguments: Any, **named: Any) -> Any:
        return connect(*arguments, cursor_factory=Cursor, **named)

    setattr(psycopg2, "connect", connecting)


def read_contracts_from(folder: Path) -> None:
    """Let the command line and the run find other contracts."""
    from etl.contracts import load

    for function in (load.find_contract, load.load_contract):
        defaults: Any = function.__kwdefaults__
        defaults["folder"] = folder


def begin_next() -> bool:
    """Fork for each line of standard input; True in a fork, which is the command then."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(json.loads(line))
            return True
        _, status = os.waitpid(child, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), flush=True)
    return False


def _become(task: dict[str, Any]) -> None:
    os.environ.update(task["environ"])
    sys.argv[1:] = task["arguments"]
    for number, path in ((1, task["output"]), (2, task["errors"])):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)


def main() -> None:
    """Run the flow, harmed as planned."""
    harm = Harm(json.loads(os.environ["FAULT_PLAN"]))
    for harming in (harm_steps, harm_source, harm_aws, harm_warehouse):
        harming(harm)
    if folder := os.environ.get("FAULT_CONTRACTS"):
        read_contracts_from(Path(folder))
    sys.argv[0] = str(FLOW)
    runpy.run_path(str(FLOW), run_name="__main__")


if __name__ == "__main__":
    # As `python flows/full_pipeline.py` has it.
    sys.path[:1] = [str(FLOW.parent), str(FLOW.parents[1] / "src")]
    import _bootstrap  # noqa: F401  isort: skip  before Prefect

    import etl.tasks  # noqa: F401  imported once, for all forks

    if sys.argv[1:] != ["--fork"] or begin_next():
        main()
