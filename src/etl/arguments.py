"""What options mean, for argparse; nothing heavy is imported until an option needs it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime

from etl.cli import check_run_date
from etl.errors import EtlError


def date_argument(text: str) -> date:
    """A run date, for argparse."""
    try:
        # fromisoformat also takes 20260101 and 2026-W01-4.
        day = datetime.strptime(text, "%Y-%m-%d").date()
        if day.isoformat() != text:
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError(f'"{text}" is not a date like 2026-01-01') from None
    with _refused():
        check_run_date(day)
    return day


def dataset_argument(text: str) -> str:
    """A dataset that has a contract, for argparse."""
    from etl.contracts import find_contract

    with _refused():
        find_contract(text)
    return text


def environment_argument(text: str) -> str:
    """An environment that config/ describes, for argparse."""
    from etl.settings import read_config

    with _refused():
        read_config(text)
    return text


def count_argument(text: str) -> int:
    """A whole number from 1, for argparse."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f'"{text}" is not a whole number above 0')
    return int(text)


def days_argument(text: str) -> int:
    """A whole number of days, for argparse."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f'"{text}" is not a whole number of days')
    return int(text)


def positive_argument(text: str) -> float:
    """A number above 0, for argparse."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f'"{text}" is not a number above 0')
    return number


def add_environment(
    parser: argparse.ArgumentParser,
    *,
    what: str = "a file in config/, by default $ETL_ENV or local",
) -> None:
    """Add --env."""
    parser.add_argument(
        "--env",
        type=environment_argument,
        default=os.environ.get("ETL_ENV", "local"),
        help=what,
    )


@contextmanager
def _refused() -> Iterator[None]:
    """Tell an error as argparse tells that of an argument."""
    try:
        yield
    except EtlError as error:
        raise argparse.ArgumentTypeError(f"{error.message}; {error.fix}") from None
