"""What a run costs by the size of its day: seconds, CPU, and memory of the flow's own process.

Each size is a day of orders through `flows/full_pipeline.py` on an embedded cloud of its own, with
the engine that the pipeline chooses, or with one. Between two sizes stands the exponent: 1 where
ten times the rows cost ten times as much, 0 where they cost the same.

    python -m bench.growth --rows 10000 100000 1000000 10000000
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.measuring import Usage, measure
from bench.project import ROOT, RUN_DATE, cloud, copy_project, write_orders

_STAGES = ("extract", "transform", "validate", "load", "publish")


def main() -> None:
    """Measure, print each figure, and the table last."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--engine", choices=("auto", "duckdb", "spark"), default="auto")
    options = parser.parse_args()
    found = []
    for rows in options.rows:
        with tempfile.TemporaryDirectory(prefix="etl-bench-") as name:
            found.append((rows, *_run(rows, options.engine, Path(name))))
        print(_line(*found[-1]), flush=True)
    print(table(found))


def _run(rows: int, engine: str, folder: Path) -> tuple[Usage, dict[str, Any]]:
    counts = write_orders(folder / "orders", rows)
    project = copy_project(folder / "project", folder / "orders")
    with cloud(folder / "cloud", project) as environ:
        command = [sys.executable, str(project / "flows" / "full_pipeline.py"), "--json"]
        command += ["--run-date", str(RUN_DATE), "--engine", engine]
        used = measure(command, environ=environ, cwd=ROOT, folder=folder)
    report = json.loads(used.output)
    if report["table_rows"] != counts.loaded:
        raise SystemExit(f"{report['table_rows']} rows in the table, not {counts.loaded}")
    return used, report


def _line(rows: int, used: Usage, report: dict[str, Any]) -> str:
    seconds = {each["name"]: each["seconds"] for each in report["stages"]}
    stages = " | ".join(f"{seconds.get(name, 0):.1f}" for name in _STAGES)
    engine = report["engine"].partition(":")[0]
    return (
        f"| {rows:,} | {engine} | {used.wall:.1f} | {used.cpu:.1f} | {stages}"
        f" | {used.own_memory_mib:.0f} |"
    )


def table(found: list[tuple[int, Usage, dict[str, Any]]]) -> str:
    """The figures as Markdown, with the exponents of the walls and of the memory."""
    lines = [
        "",
        f"| rows | engine | wall s | CPU s | {' s | '.join(_STAGES)} s | MiB of the flow |",
        "|--:|---|--:|--:|" + "--:|" * (len(_STAGES) + 1),
        *(_line(*each) for each in found),
        "",
        "| from | to | wall's exponent | memory's |",
        "|--:|--:|--:|--:|",
    ]
    for (small, before, _), (large, after, _) in zip(found, found[1:], strict=False):
        wall, memory = (
            math.log(getattr(after, each) / getattr(before, each)) / math.log(large / small)
            for each in ("wall", "own_memory_mib")
        )
        lines.append(f"| {small:,} | {large:,} | {wall:.2f} | {memory:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
