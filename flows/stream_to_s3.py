"""Records onto S3 as they come: from standard input, or from a SQL source that is polled.

… | python flows/stream_to_s3.py --dataset events
python flows/stream_to_s3.py --dataset customers --poll-seconds 30
"""

from __future__ import annotations

import _bootstrap  # noqa: F401  isort: skip  src/ on the path before anything of it is imported

import sys

from etl.flow_arguments import open_command, stream_arguments
from etl.stream.signals import Stop


def main() -> int:
    """Stream from the command line, without Prefect: reading depends on no server."""
    stop = Stop.on_signals()  # before the other imports, which take a second
    options = open_command(stream_arguments)
    from etl.stream import command

    return command.main(options, stop)


if __name__ == "__main__":
    sys.exit(main())

# What follows is for workers, which import this file.
from prefect import flow, runtime

from etl.figures import Figures
from etl.stream.open_batch import Limits
from etl.stream.run import StreamRequest, run_stream


def _flow_run_name() -> str:
    return f"poll {runtime.flow_run.parameters['dataset']}"


@flow(name="stream-to-s3", flow_run_name=_flow_run_name, log_prints=False)
def stream_to_s3(
    dataset: str = "customers",
    env: str = "local",
    polls: int = 1,
    poll_seconds: float = 30,
    batch_records: int = 100_000,
) -> int:
    """Poll a SQL source, for a schedule; the number of records that came.

    Args:
        dataset: A contract in config/contracts/ whose source is a SQL table.
        env: A file in config/.
        polls: How often to ask in this run.
        poll_seconds: From one poll to the next.
        batch_records: How many records make a batch.
    """
    totals = [0]
    run_stream(
        StreamRequest(
            dataset=dataset,
            environment=env,
            limits=Limits(records=batch_records, bytes=64 * 1024**2, seconds=60),
            poll_seconds=poll_seconds,
            max_polls=polls,
        ),
        figures=Figures(),
        stop=Stop(),
        acknowledge=lambda done: totals.append(done.records_total),
        is_quiet=True,
    )
    return totals[-1]
