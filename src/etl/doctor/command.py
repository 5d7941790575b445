"""Show what the checks find."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable

from etl.doctor.examination import examine
from etl.doctor.findings import Result

_NAME_WIDTH = 26


def run(options: argparse.Namespace) -> None:
    """Run the command with its options; leaves with 1 if a check failed."""
    if exit_code := run_doctor(options.env, as_json=options.json):
        sys.exit(exit_code)


def run_doctor(environment: str, *, as_json: bool = False) -> int:
    """Print each check of an environment and, below those that are not ok, what mends them.

    Returns:
        The exit code: 1 if a check failed, else 0.
    """
    results = examine(environment)
    if as_json:
        found = list(results)
        print(_as_json(environment, found))
    else:
        found = [_show(each) for each in results]
        print(f"\n{environment}: {_summary(found)}")
    return int(any(each.finding.state == "FAIL" for each in found))


def _show(result: Result) -> Result:
    finding = result.finding
    print(f"{finding.state:<4}  {result.check:<{_NAME_WIDTH}}  {finding.what}", flush=True)
    if finding.fix:
        print(f"{'':<4}  {'':<{_NAME_WIDTH}}  fix: {finding.fix}", flush=True)
    return result


def _summary(results: Iterable[Result]) -> str:
    states = Counter(each.finding.state for each in results)
    return f"{states['ok']} ok, {states['warn']} to look at, {states['FAIL']} failed"


def _as_json(environment: str, results: list[Result]) -> str:
    checks = [
        {
            "check": each.check.strip(),
            "state": each.finding.state,
            "what": each.finding.what,
            "fix": each.finding.fix,
        }
        for each in results
    ]
    return json.dumps({"environment": environment, "checks": checks}, indent=1, ensure_ascii=False)
