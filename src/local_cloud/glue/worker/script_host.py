"""Run a Glue job's script the way Glue does: as `__main__`, with the run's arguments.

Started as `script_host.py plan.json`. What makes the script fail is written to the plan's `failure`
file as JSON, for the job run's ErrorMessage.
"""

from __future__ import annotations

import json
import os
import runpy
import struct
import sys
import time
import traceback
from pathlib import Path
from typing import Any

_MAX_MESSAGE_CHARACTERS = 4000


def main(plan: dict[str, Any]) -> int:
    """Run the script of `plan` (see local_cloud.glue.executor) and answer its exit code."""
    script = plan["script"]
    sys.argv = [script, *plan["arguments"]]
    sys.path[0] = os.path.dirname(script)
    try:
        if plan["connection"]:
            _connect(Path(plan["connection"]))
        runpy.run_path(script, run_name="__main__")
    except SystemExit as exit_:
        if exit_.code in (None, 0):
            return 0
        traceback.print_exc()
        _report(plan["failure"], exit_, script)
        return exit_.code if isinstance(exit_.code, int) else 1
    except BaseException as error:
        traceback.print_exc()
        _report(plan["failure"], error, script)
        return 1
    return 0


def _connect(connection: Path) -> None:
    """Point PySpark at the JVM that is being started next to this process."""
    import pyspark.sql  # noqa: F401 - while the JVM starts

    while not connection.exists():
        time.sleep(0.01)
    content = connection.read_bytes()
    port, length = struct.unpack(">ii", content[:8])
    os.environ["PYSPARK_GATEWAY_PORT"] = str(port)
    os.environ["PYSPARK_GATEWAY_SECRET"] = content[8 : 8 + length].decode()


def _report(path: str, error: BaseException, script: str) -> None:
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == script]
    if isinstance(error, SyntaxError) and error.filename == script:
        lines.append(error.lineno)
    failure = {
        "category": _category(error),
        "line": lines[-1] if lines else None,
        "message": _message(error)[:_MAX_MESSAGE_CHARACTERS],
    }
    Path(path).write_text(json.dumps(failure))


def _message(error: BaseException) -> str:
    java = getattr(error, "java_exception", None)
    if java is not None:  # Py4JJavaError's own text is a page of Java frames
        text = str(java.getMessage() or java.toString()).split("\nDriver stacktrace:")[0]
        text = text.rpartition("\nCaused by: ")[2].split("\n\tat ")[0]  # a task's has frames too
        return f"{str(getattr(error, 'errmsg', '')).strip()} {text}".strip()
    return f"{type(error).__name__}: {error}"


def _category(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return "SYNTAX_ERROR"
    if isinstance(error, ImportError):
        return "IMPORT_ERROR"
    if type(error).__name__ in ("AnalysisException", "ParseException"):
        return "QUERY_ERROR"
    return "UNCLASSIFIED_ERROR"


if __name__ == "__main__":
    code = main(json.loads(Path(sys.argv[1]).read_text()))
    sys.exit(code)
