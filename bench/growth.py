"""What a run costs by the size of its day, by the dates that went before, and by the datasets
beside it: seconds, CPU, and memory of the flow's own process.

Rows: a day of orders from files, merged by key, each size on an embedded cloud of its own. Dates:
a run of 2,000 orders from the shop's API after so many others, which a backfill has carried.
Datasets: such a run in a project of so many datasets, on a cloud that has them all. Between two
sizes stands the exponent: 1 where ten times the size costs ten times as much, 0 where it costs
the same.

    python -m bench.growth --rows 10000 100000 1000000 10000000
    python -m bench.growth --dates 1 10 100 1000
    python -m bench.growth --datasets 1 10 50
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.measuring import Usage, measure
from bench.project import RUN_DATE, cloud, copy_project, write_orders

_STAGES = ("extract", "transform", "validate", "load", "publish")


@dataclass(frozen=True)
class Point:
    """A size and what a run of it took.

    Attributes:
        before: Seconds of what went before it, by its name.
        report: The run's own.
    """

    size: int
    used: Usage
    report: dict[str, Any]
    before: dict[str, float]


def main() -> None:
    """Measure, print each figure, and the tables last."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[])
    parser.add_argument("--dates", type=int, nargs="+", default=[])
    parser.add_argument("--datasets", type=int, nargs="+", default=[])
    parser.add_argument("--engine", choices=("auto", "duckdb", "spark"), default="auto")
    options = parser.parse_args()
    if not options.rows + options.dates + options.datasets:
        parser.error("one of --rows, --dates and --datasets is needed")
    if any(more - less < 2 for less, more in pairwise([-1, *sorted(options.dates)])):
        parser.error("--dates begin at 1 and are two apart: the day that is measured is one, too")
    tables = [
        _table("rows", by_rows(options.rows, options.engine)),
        _table("dates", by_dates(options.dates, options.engine)),
        _table("datasets", by_datasets(options.datasets, options.engine)),
    ]
    print("\n\n".join(filter(None, tables)))


def by_rows(sizes: Sequence[int], engine: str) -> Iterator[Point]:
    """Days of so many orders."""
    for rows in sizes:
        with tempfile.TemporaryDirectory(prefix="etl-bench-") as name:
            folder = Path(name)
            counts = write_orders(folder / "orders", rows)
            project = copy_project(folder / "project", folder / "orders")
            with cloud(folder / "cloud", project) as environ:
                point = _run(rows, RUN_DATE, engine, project, environ, folder)
        if point.report["table_rows"] != counts.loaded:
            raise SystemExit(f"{point.report['table_rows']} rows, not {counts.loaded}")
        yield point


def by_dates(sizes: Sequence[int], engine: str) -> Iterator[Point]:
    """The day after so many others; all on one cloud."""
    with tempfile.TemporaryDirectory(prefix="etl-bench-") as name:
        folder, done = Path(name), 0
        project = copy_project(folder / "project")
        with cloud(folder / "cloud", project) as environ:
            for dates in sorted(sizes):
                command = [sys.executable, str(project / "flows" / "backfill.py"), "--engine"]
                command += [engine, "--from", str(_day(dates - 1)), "--to", str(_day(done))]
                seconds = _timed(command, environ, project) / (dates - done)
                before = {"backfill, a date": seconds}
                yield _run(dates, _day(dates), engine, project, environ, folder, before)
                done = dates + 1


def by_datasets(sizes: Sequence[int], engine: str) -> Iterator[Point]:
    """A day of one dataset in a project that has so many."""
    for datasets in sizes:
        with tempfile.TemporaryDirectory(prefix="etl-bench-") as name:
            folder = Path(name)
            project = copy_project(folder / "project")
            contracts = project / "config" / "contracts"
            text = (contracts / "orders.odcs.yaml").read_text()
            for path in contracts.iterdir():
                if path.name != "orders.odcs.yaml":
                    path.unlink()
            for number in range(1, datasets):
                other = f"orders_{number}"
                (contracts / f"{other}.odcs.yaml").write_text(_renamed(text, other))
            began = time.monotonic()
            with cloud(folder / "cloud", project) as environ:
                before = {"cloud's start": time.monotonic() - began}
                yield _run(datasets, RUN_DATE, engine, project, environ, folder, before)


def _renamed(contract: str, name: str) -> str:
    for old in ("id: orders\n", "/orders/\n", "  - name: orders\n", "element: orders."):
        assert old in contract
        contract = contract.replace(old, old.replace("orders", name))
    return contract


def _day(number: int) -> date:
    return RUN_DATE - timedelta(days=number)


def _run(
    size: int,
    day: date,
    engine: str,
    project: Path,
    environ: dict[str, str],
    folder: Path,
    before: dict[str, float] | None = None,
) -> Point:
    command = [sys.executable, str(project / "flows" / "full_pipeline.py"), "--json"]
    command += ["--run-date", str(day), "--dataset", "orders", "--engine", engine]
    used = measure(command, environ=environ, cwd=project, folder=folder)
    point = Point(size, used, json.loads(used.output), before or {})
    print(_line(point), flush=True)
    return point


def _timed(command: list[str], environ: dict[str, str], cwd: Path) -> float:
    began = time.monotonic()
    subprocess.run(command, check=True, env=environ, cwd=cwd, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def _line(point: Point) -> str:
    seconds = {each["name"]: each["seconds"] for each in point.report["stages"]}
    stages = [f"{seconds.get(name, 0):.1f}" for name in _STAGES]
    engine = point.report["engine"].partition(":")[0]
    figures = [f"{each:.1f}" for each in (*point.before.values(), point.used.wall, point.used.cpu)]
    cells = [f"{point.size:,}", engine, *figures, *stages, f"{point.used.own_memory_mib:.0f}"]
    return f"| {' | '.join(cells)} |"


def _table(sizes: str, points: Iterator[Point]) -> str:
    """The figures as Markdown, with their exponents from size to size; "" without any."""
    found = list(points)
    if not found:
        return ""
    names = [sizes, "engine", *(f"{each} s" for each in found[0].before), "wall s", "CPU s"]
    names += [*(f"{each} s" for each in _STAGES), "MiB of the flow"]
    figures = {each: [point.before[each] for point in found] for each in found[0].before}
    figures["wall"] = [point.used.wall for point in found]
    figures["memory"] = [point.used.own_memory_mib for point in found]
    lines = [
        *_header(names),
        *map(_line, found),
        "",
        *_header(["from", "to", *(f"{each}'s exponent" for each in figures)]),
    ]
    for index, (small, large) in enumerate(pairwise(point.size for point in found)):
        exponents = [
            f"{math.log(values[index + 1] / values[index]) / math.log(large / small):.2f}"
            for values in figures.values()
        ]
        lines.append(f"| {small:,} | {large:,} | {' | '.join(exponents)} |")
    return "\n".join(["", *lines])


def _header(names: Sequence[str]) -> list[str]:
    return [f"| {' | '.join(names)} |", "|" + "--:|" * len(names)]


if __name__ == "__main__":
    main()
