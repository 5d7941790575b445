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
_NAMES = "local_cloud.properties"


def main(plan: dict[str, Any]) -> int:
    """Run the script of `plan` (see local_cloud.glue.executor) and answer its exit code."""
    script = plan["script"]
    sys.argv = [script, *plan["arguments"]]
    sys.path[0] = os.path.dirname(script)
    try:
        if plan["connection"]:
            _connect(Path(plan["connection"]), plan["properties"])
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
    finally:
        if plan["left"]:
            _leave(plan["left"])
    return 0


def _connect(connection: Path, properties: dict[str, str]) -> None:
    """Point PySpark at the JVM that is started beside this process, and tell that of the run."""
    import pyspark.sql  # noqa: F401 - while the JVM starts
    from pyspark import SparkContext

    while not connection.exists():
        time.sleep(0.01)
    content = connection.read_bytes()
    port, length = struct.unpack(">ii", content[:8])
    os.environ["PYSPARK_GATEWAY_PORT"] = str(port)
    os.environ["PYSPARK_GATEWAY_SECRET"] = content[8 : 8 + length].decode()
    SparkContext._ensure_initialized()
    system = SparkContext._jvm.java.lang.System  # type: ignore[union-attr]
    for name, value in properties.items():
        system.setProperty(name, value)
    system.setProperty(_NAMES, json.dumps(list(properties)))


def _leave(mark: str) -> None:
    """Take all that is the run's out of the JVM, for the next one, and leave a mark that it is."""
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]
    from pyspark import SparkContext

    jvm = SparkContext._jvm
    if jvm is None:
        return
    try:
        if SparkContext._active_spark_context:
            SparkContext._active_spark_context.stop()
        jvm.org.apache.spark.sql.SparkSession.clearActiveSession()
        jvm.org.apache.spark.sql.SparkSession.clearDefaultSession()
        jvm.org.apache.hadoop.fs.FileSystem.closeAll()  # they hold the run's credentials
        for name in json.loads(jvm.java.lang.System.clearProperty(_NAMES)):
            jvm.java.lang.System.clearProperty(name)
    except (Py4JError, OSError):
        return  # the JVM is gone: there is nothing to hand on
    Path(mark).touch()


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
