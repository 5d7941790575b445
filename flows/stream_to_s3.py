"""Records onto S3 as they come: from standard input, or from a SQL source that is polled.

… | python flows/stream_to_s3.py --dataset events
python flows/stream_to_s3.py --dataset customers --poll-seconds 30
"""

from __future__ import annotations

import _bootstrap  # noqa: F401  isort: skip  src/ on the path before anything of it is imported

import sys

from etl.stream.signals import Stop


def main() -> int:
    """Stream from the command line: no Prefect, so that nothing depends on a server."""
    stop = Stop.on_signals()  # before the imports, which take a second: nothing can be lost in it
    from etl.stream import command

    return command.main(stop)


if __name__ == "__main__":
    sys.exit(main())
