"""The command line of flows/stream_to_s3.py."""

from __future__ import annotations

import argparse
import json
import os
import sys

from etl.cli import run_command
from etl.errors import SourceError
from etl.figures import Figures
from etl.stream.open_batch import Limits
from etl.stream.run import StreamRequest, run_stream
from etl.stream.session import Acknowledgement
from etl.stream.signals import Stop

_MIB = 1024 * 1024


def main(options: argparse.Namespace, stop: Stop) -> int:
    """Run the command; the exit code.

    Args:
        options: As `stream_arguments` gives them.
        stop: Requested by the first signal.
    """
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
