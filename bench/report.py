"""What was measured, as a table and a picture, and beside what was kept."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
FLOOR = "floor"
_WORSE = 1.2
# Fargate, Linux on x86, us-east-1: the pricing page of AWS Fargate, as of config/prices/.
_VCPU_HOUR, _GB_HOUR, _VCPUS = 0.04048, 0.004445, 2
_TASK_GB = (4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)  # of memory for two vCPUs


@dataclass(frozen=True)
class Measure:
    """One process: seconds, seconds of CPU with its children, MiB of resident memory at most."""

    name: str
    state: str
    wall: float
    cpu: float
    memory_mib: float


def summarise(found: Sequence[Measure], *, rows: int) -> dict[str, Any]:
    """Medians by contestant and state of the table, with the ratios of the walls to the floor's."""
    medians: list[dict[str, Any]] = []
    for name in dict.fromkeys(each.name for each in found):
        for state in ("fresh", "filled"):
            own = [each for each in found if (each.name, each.state) == (name, state)]
            wall = statistics.median(each.wall for each in own)
            memory = statistics.median(each.memory_mib for each in own)
            medians.append(
                {
                    "name": name,
                    "table": state,
                    "wall_seconds": round(wall, 2),
                    "cpu_seconds": round(statistics.median(each.cpu for each in own), 2),
                    "memory_mib": round(memory),
                    "rows_per_second": round(rows / wall),
                    "fargate_dollars": round(_dollars(wall, memory), 5),
                }
            )
    floor = {each["table"]: each["wall_seconds"] for each in medians if each["name"] == FLOOR}
    for each in medians:
        if each["table"] in floor:
            each["to_floor"] = round(each["wall_seconds"] / floor[each["table"]], 2)
    repeat = len(found) // max(len(medians), 1)
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    return {"rows": rows, "repeat": repeat, "machine": machine, "medians": medians}


def _dollars(wall: float, memory_mib: float) -> float:
    size = next((each for each in _TASK_GB if each * 1024 >= memory_mib), _TASK_GB[-1])
    return wall / 3600 * (_VCPUS * _VCPU_HOUR + size * _GB_HOUR)


def show(results: Mapping[str, Any], how: Mapping[str, str]) -> None:
    """The table, on the terminal."""
    print("\n" + table(results, how))


def table(results: Mapping[str, Any], how: Mapping[str, str]) -> str:
    """The table as Markdown."""
    ours = {
        each["table"]: each["wall_seconds"]
        for each in results["medians"]
        if each["name"] == "ours, DuckDB"
    }
    lines = [
        f"{results['rows']:,} orders, medians of {results['repeat']}, {results['machine']}\n",
        "| | table | wall s | CPU s | memory MiB | rows/s | to ours | to the floor | Fargate $ |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for each in results["medians"]:
        to_ours = each["wall_seconds"] / ours[each["table"]] if ours else float("nan")
        lines.append(
            f"| {each['name']} | {each['table']} | {each['wall_seconds']:.1f} "
            f"| {each['cpu_seconds']:.1f} | {each['memory_mib']:,} | {each['rows_per_second']:,} "
            f"| {to_ours:.2f} | {each.get('to_floor', '')} | {each['fargate_dollars']:.5f} |"
        )
    return "\n".join([*lines, "", *(f"- {name}: {words}" for name, words in how.items()), ""])


def compare_with_kept(results: Mapping[str, Any]) -> list[str]:
    """Print which ratios to the floor are more than a fifth worse than the kept ones."""
    path = _path(results["rows"])
    if not path.exists():
        print(f"nothing is kept of {results['rows']:,} orders: --keep keeps these")
        return []
    kept = {
        (each["name"], each["table"]): each["to_floor"]
        for each in json.loads(path.read_text())["medians"]
        if "to_floor" in each
    }
    worse = [
        f"{each['name']}, {each['table']} table: {each['to_floor']} times the floor,"
        f" {kept[each['name'], each['table']]} when it was kept"
        for each in results["medians"]
        if each["name"].startswith("ours")
        and (each["name"], each["table"]) in kept
        and each.get("to_floor", 0) > _WORSE * kept[each["name"], each["table"]]
    ]
    for line in worse:
        print(f"SLOWER  {line}", file=sys.stderr)
    if not worse:
        print("no ratio of ours to the floor is more than a fifth worse than the kept one")
    return worse


def write(results: Mapping[str, Any], how: Mapping[str, str]) -> None:
    """Keep them: JSON to compare with, a table and a picture to look at."""
    RESULTS.mkdir(exist_ok=True)
    path = _path(results["rows"])
    path.write_text(json.dumps(results, indent=1) + "\n")
    picture = path.with_suffix(".svg")
    picture.write_text(draw(results))
    text = f"![wall seconds]({picture.name})\n\n{table(results, how)}"
    path.with_suffix(".md").write_text(text)


def draw(results: Mapping[str, Any]) -> str:
    """A bar for each contestant and state, as SVG."""
    medians = results["medians"]
    longest = max(each["wall_seconds"] for each in medians)
    rows = []
    for place, each in enumerate(medians):
        top, width = 40 + 24 * place, 420 * each["wall_seconds"] / longest
        colour = "#1f6feb" if each["name"].startswith("ours") else "#8b949e"
        opacity = 1 if each["table"] == "fresh" else 0.55
        rows.append(
            f'<text x="190" y="{top + 14}" text-anchor="end">{each["name"]}, {each["table"]}</text>'
            f'<rect x="198" y="{top}" width="{width:.1f}" height="18" fill="{colour}"'
            f' fill-opacity="{opacity}"/>'
            f'<text x="{204 + width:.1f}" y="{top + 14}">{each["wall_seconds"]:.1f} s</text>'
        )
    height = 52 + 24 * len(medians)
    title = f'{results["rows"]:,} orders, wall seconds, medians of {results["repeat"]}'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="700" height="{height}"'
        ' font-family="sans-serif" font-size="13">'
        f'<rect width="700" height="{height}" fill="white"/>'
        f'<text x="20" y="24" font-size="15">{title}</text>{"".join(rows)}</svg>\n'
    )


def _path(rows: int) -> Path:
    return RESULTS / f"orders-{rows}.json"
