"""Which engine carries out a run's transform, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from etl.manifest import Manifest
from etl.model import Contract
from etl.report import human_bytes
from etl.settings import Transform
from etl.transforming import lines_bytes

_MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Engine:
    """An engine, and the reason for it."""

    name: Literal["duckdb", "spark"]
    reason: str

    def __str__(self) -> str:
        shown = {"duckdb": "DuckDB", "spark": "Spark on Glue"}[self.name]
        return f"{shown}: {self.reason}"


def choose_engine(contract: Contract, manifest: Manifest, settings: Transform) -> Engine:
    """The engine for an extraction: DuckDB where the lines fit the memory that it has."""
    return engine_for(lines_bytes(contract, manifest.bytes), settings)


def engine_for(size: int, settings: Transform) -> Engine:
    """The engine for so many bytes of lines."""
    if settings.engine != "auto":
        return Engine(name=settings.engine, reason="as transform.engine says")
    limit = settings.memory_mib * _MIB
    words = f"about {human_bytes(size)} of lines"
    if size <= limit:
        return Engine(name="duckdb", reason=f"{words}, of at most {human_bytes(limit)}")
    return Engine(name="spark", reason=f"{words}, more than {human_bytes(limit)}")
