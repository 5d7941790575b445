"""The command lines of flows/, read before Prefect is imported: mistakes are told at once."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from etl.arguments import (
    add_environment,
    count_argument,
    dataset_argument,
    date_argument,
    days_argument,
    positive_argument,
)
from etl.cli import begin_imports


def open_command(arguments: Callable[[], argparse.Namespace]) -> argparse.Namespace:
    """The options; what their environment needs first is begun, beside what is imported next."""
    begin_imports()
    options = arguments()
    from etl.environment import begin

    begin(options.env)
    return options


def pipeline_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of flows/full_pipeline.py. Ends the process on --help or a wrong option."""
    parser = _parser(
        "full_pipeline.py",
        "Carry one day of a dataset from its source to the warehouse.",
        """examples:
  python flows/full_pipeline.py --run-date 2026-01-01
  python flows/full_pipeline.py --run-date 2026-01-01 --dataset airports
  python flows/full_pipeline.py --run-date 2026-01-01 --loader data-api
  python flows/full_pipeline.py --run-date 2026-01-01 --engine spark
  python flows/full_pipeline.py --run-date 2026-01-01 --json > report.json
  python flows/full_pipeline.py --run-date 2026-01-01 --env prod
  python flows/full_pipeline.py --run-date 2026-01-01 --replay
  python flows/full_pipeline.py --run-date 2026-01-01 --plan
""",
    )
    _add_run_date(parser)
    _add_run_options(parser)
    parser.add_argument(
        "--replay", action="store_true", help="take what raw keeps; the source is not asked"
    )
    parser.add_argument(
        "--corrections", metavar="FILE", help="for --replay: quarantined rows with other payloads"
    )
    parser.add_argument(
        "--plan", action="store_true", help="only say what it would do, how much, for how much"
    )
    _add_output(parser)
    options = parser.parse_args(arguments)
    if options.corrections and not options.replay:
        parser.error("--corrections goes with --replay")
    return options


def backfill_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of flows/backfill.py. Ends the process on --help or a wrong option."""
    parser = _parser(
        "backfill.py",
        "Carry every day of a range from its source to the warehouse.",
        """examples:
  python flows/backfill.py --dataset orders --from 2025-12-01 --to 2025-12-31
  python flows/backfill.py --dataset orders --from 2025-12-01 --to 2025-12-31 --max-parallel 2
  python flows/backfill.py --dataset orders --from 2025-12-01 --to 2025-12-31 --force --env prod
""",
    )
    for name, dest in (("--from", "first"), ("--to", "last")):
        parser.add_argument(
            name,
            dest=dest,
            type=date_argument,
            required=True,
            metavar="YYYY-MM-DD",
            help=f"the {dest} day",
        )
    parser.add_argument(
        "--max-parallel", type=count_argument, default=4, metavar="N", help="days at a time, 4"
    )
    parser.add_argument("--force", action="store_true", help="run the days that are done, too")
    _add_run_options(parser)
    _add_output(parser)
    return parser.parse_args(arguments)


def archive_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of flows/archive.py. Ends the process on --help or a wrong option."""
    parser = _parser(
        "archive.py",
        "Move old processed objects to the archive bucket.",
        """examples:
  python flows/archive.py --dry-run
  python flows/archive.py --older-than-days 90
  python flows/archive.py --prefix processed/sales/orders/ --env prod
  python flows/archive.py --json > archived.json
""",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be archived, and change nothing"
    )
    parser.add_argument(
        "--older-than-days",
        type=days_argument,
        metavar="N",
        help="objects of run dates more than N days ago, by default as config/ says",
    )
    parser.add_argument(
        "--prefix", help="only keys that begin with it, e.g. processed/sales/orders/"
    )
    add_environment(parser)
    _add_output(parser)
    return parser.parse_args(arguments)


def batch_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of flows/heavy_batch.py. Ends the process on --help or a wrong option."""
    parser = _parser(
        "heavy_batch.py",
        "Carry one day of many datasets to the warehouse by Step Functions.",
        """examples:
  python flows/heavy_batch.py --run-date 2026-01-01 --datasets orders,airports
  python flows/heavy_batch.py --run-date 2026-01-01 --datasets orders,airports --again
  python flows/heavy_batch.py --run-date 2026-01-01 --datasets orders --env prod --json

While an execution of the same date and datasets runs, the command attaches to it. Once it has
succeeded, its result is shown; --again runs it once more. Ctrl-C leaves it running.
""",
    )
    _add_run_date(parser)
    parser.add_argument(
        "--datasets",
        type=lambda text: [dataset_argument(each.strip()) for each in text.split(",")],
        required=True,
        metavar="A,B,…",
        help="contracts in config/contracts/",
    )
    add_environment(parser)
    parser.add_argument("--again", action="store_true", help="run once more what has succeeded")
    _add_output(parser)
    return parser.parse_args(arguments)


def stream_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of flows/stream_to_s3.py. Ends the process on --help or a wrong option."""
    parser = _parser(
        "stream_to_s3.py",
        "Carry records to S3 as they come: from standard input, or from a SQL source that is"
        " polled.",
        """examples:
  python -m local_cloud.demo_events --count 1000 | python flows/stream_to_s3.py --dataset events
  tail -F app.jsonl | python flows/stream_to_s3.py --dataset events --batch-seconds 10
  python flows/stream_to_s3.py --dataset events --json < events.jsonl
  python flows/stream_to_s3.py --dataset customers --poll-seconds 30
  python flows/stream_to_s3.py --dataset customers --poll-seconds 30 --max-polls 1

Each line on standard output says how many records are safe. SIGTERM or Ctrl-C commits what was
read and exits 0; a second one aborts.
""",
    )
    parser.add_argument("--dataset", type=dataset_argument, required=True, help="a contract")
    add_environment(parser)
    parser.add_argument(
        "--run-date",
        type=date_argument,
        metavar="YYYY-MM-DD",
        help="where all batches go, by default each to the date of its arrival (UTC)",
    )
    _add_batch_limits(parser)
    parser.add_argument("--json", action="store_true", help="acknowledge by JSON lines")
    parser.add_argument("--quiet", action="store_true", help="no progress, no summary")
    parser.add_argument("--traceback", action="store_true", help="show tracebacks of failures")
    return parser.parse_args(arguments)


def _add_batch_limits(parser: argparse.ArgumentParser) -> None:
    batches = parser.add_argument_group("batches, committed at whichever limit comes first")
    batches.add_argument(
        "--batch-records",
        type=count_argument,
        default=100_000,
        metavar="N",
        help="by default 100,000",
    )
    batches.add_argument(
        "--batch-mib",
        type=positive_argument,
        default=64.0,
        metavar="MIB",
        help="of the records as they come, by default 64",
    )
    batches.add_argument(
        "--batch-seconds",
        type=positive_argument,
        default=60.0,
        metavar="S",
        help="since a batch's first record, by default 60",
    )
    polls = parser.add_argument_group("a SQL source")
    polls.add_argument(
        "--poll-seconds", type=positive_argument, metavar="S", help="ask it every S seconds"
    )
    polls.add_argument(
        "--max-polls", type=count_argument, metavar="N", help="end after N polls, by default never"
    )


def _parser(program: str, description: str, examples: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=program,
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_run_date(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--run-date", type=date_argument, required=True, metavar="YYYY-MM-DD", help="the day to run"
    )


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dataset", type=dataset_argument, default="orders", help="a contract in config/contracts/"
    )
    add_environment(parser)
    parser.add_argument(
        "--loader", choices=["copy", "data-api"], help="how to load, by default as config/ says"
    )
    parser.add_argument(
        "--engine",
        choices=["auto", "duckdb", "spark"],
        help="what transforms, by default as config/ says",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print only the report, as JSON")
    parser.add_argument("--traceback", action="store_true", help="show tracebacks of failures")
