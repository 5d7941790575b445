"""The command line of flows/stream_to_s3.py."""

from __future__ import annotations

import argparse
import json
import os
import sys

from etl.cli import dataset_argument, date_argument, environment_argument, run_command
from etl.errors import SourceError
from etl.figures import Figures
from etl.stream.open_batch import Limits
from etl.stream.run import StreamRequest, run_stream
from etl.stream.session import Acknowledgement
from etl.stream.signals import Stop

_MIB = 1024 * 1024
EXAMPLES = """examples:
  python -m local_cloud.demo_events --count 1000 | python flows/stream_to_s3.py --dataset events
  tail -F app.jsonl | python flows/stream_to_s3.py --dataset events --batch-seconds 10
  python flows/stream_to_s3.py --dataset events --json < events.jsonl
  python flows/stream_to_s3.py --dataset customers --poll-seconds 30
  python flows/stream_to_s3.py --dataset customers --poll-seconds 30 --max-polls 1

Each line on standard output says how many records are safe. SIGTERM or Ctrl-C commits what was
read and exits 0; a second one aborts.
"""


def stream_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of flows/stream_to_s3.py. Ends the process on --help or a wrong option."""
    parser = argparse.ArgumentParser(
        prog="stream_to_s3.py",
        description="Carry records to S3 as they come: from standard input, or from a SQL source"
        " that is polled.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dataset", type=dataset_argument, required=True, help="a contract")
    parser.add_argument(
        "--env",
        type=environment_argument,
        default=os.environ.get("ETL_ENV", "local"),
        help="a file in config/, by default $ETL_ENV or local",
    )
    parser.add_argument(
        "--run-date",
        type=date_argument,
        metavar="YYYY-MM-DD",
        help="where all batches go, by default each to the date of its arrival (UTC)",
    )
    _add_limits(parser)
    parser.add_argument("--json", action="store_true", help="acknowledge by JSON lines")
    parser.add_argument("--quiet", action="store_true", help="no progress, no summary")
    parser.add_argument("--traceback", action="store_true", help="show tracebacks of failures")
    return parser.parse_args(arguments)


def _add_limits(parser: argparse.ArgumentParser) -> None:
    batches = parser.add_argument_group("batches, committed at whichever limit comes first")
    batches.add_argument(
        "--batch-records", type=_count, default=100_000, metavar="N", help="by default 100,000"
    )
    batches.add_argument(
        "--batch-mib",
        type=_positive,
        default=64.0,
        metavar="MIB",
        help="of the records as they come, by default 64",
    )
    batches.add_argument(
        "--batch-seconds",
        type=_positive,
        default=60.0,
        metavar="S",
        help="since a batch's first record, by default 60",
    )
    polls = parser.add_argument_group("a SQL source")
    polls.add_argument("--poll-seconds", type=_positive, metavar="S", help="ask it every S seconds")
    polls.add_argument(
        "--max-polls", type=_count, metavar="N", help="end after N polls, by default never"
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'"{text}" is not a whole number above 0')
    return int(text)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f'"{text}" is not a number above 0')
    return number


def main(stop: Stop) -> int:
    """Run the command; the exit code.

    Args:
        stop: Requested by the first signal.
    """
    options = stream_arguments()
    request = StreamRequest(
        dataset=options.dataset,
        environment=options.env,
        run_date=options.run_date,
        limits=Limits(
            records=options.batch_records,
            bytes=round(options.batch_mib * _MIB),
            seconds=options.batch_seconds,
        ),
        poll_seconds=options.poll_seconds,
        max_polls=options.max_polls,
    )

    def command() -> None:
        run_stream(
            request,
            figures=Figures(),
            stop=stop,
            acknowledge=_print_json if options.json else _print_line,
            is_quiet=options.quiet,
        )

    return run_command(
        command,
        again="the same command; what was not acknowledged is to be sent again",
        show_traceback=options.traceback,
        stopped="aborted. What was acknowledged is safe; the batch that was open is not.",
    )


def _print_line(done: Acknowledgement) -> None:
    objects = " ".join(each.uri for each in done.batch.objects)
    _print(f"{done.records_total} records are safe; batch {done.sequence}: {objects}")


def _print_json(done: Acknowledgement) -> None:
    batch = done.batch
    content = {
        "records_total": done.records_total,
        "records": batch.rows + batch.rejected,
        "rejected": batch.rejected,
        "run_date": batch.run_date.isoformat(),
        "sequence": done.sequence,
        "commit": done.uri,
        "objects": [each.uri for each in batch.objects],
        "dead_letters": list(batch.dead_letters),
        "position": batch.position,
    }
    _print(json.dumps(content))


def _print(line: str) -> None:
    try:
        print(line, flush=True)
    except BrokenPipeError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes at its end
        raise SourceError(
            "nobody reads the acknowledgements any more",
            fix="send standard output to a file or to /dev/null if nobody needs them",
        ) from error
