"""Old processed objects to the archive bucket: what the archiver's Lambda does every night.

python flows/archive.py --dry-run
"""

from __future__ import annotations

import _bootstrap  # noqa: F401  isort: skip  src/ on the path before anything of it is imported

import argparse
import os
import shlex
import sys
from collections.abc import Mapping

from prefect import flow, runtime

from etl import cli, tasks
from etl.archiving import ArchiveReport
from etl.archiving.command import ArchiveFailed, print_archive

EXAMPLES = """examples:
  python flows/archive.py --dry-run
  python flows/archive.py --older-than-days 90
  python flows/archive.py --prefix processed/sales/orders/ --env prod
  python flows/archive.py --json > archived.json
"""


def _flow_run_name() -> str:
    given = runtime.flow_run.parameters
    words = ["archive", given["prefix"], "(dry run)" if given["dry_run"] else ""]
    return " ".join(filter(None, words))


def _again(given: Mapping[str, object]) -> list[str]:
    options = {"env": "env", "older_than_days": "older_than_days", "prefix": "prefix"}
    return cli.flow_command("archive.py", given, **options, dry_run="dry_run")


@flow(
    name="archive",
    flow_run_name=_flow_run_name,
    log_prints=False,
    on_failure=[tasks.alert_on_failure(_again)],
)
def archive(
    env: str = "local",
    older_than_days: int | None = None,
    prefix: str | None = None,
    dry_run: bool = False,
) -> ArchiveReport:
    """Archive the processed objects that are older than the retention.

    Args:
        env: A file in config/.
        older_than_days: Instead of the environment's retention.
        prefix: Only keys that begin with it.
        dry_run: Say what would be archived, and change nothing.

    Raises:
        ArchiveFailed: Some objects could not be archived.
    """
    return tasks.archive_objects(
        environment=env, older_than_days=older_than_days, prefix=prefix, dry_run=dry_run
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="archive.py",
        description="Move old processed objects to the archive bucket.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--dry-run", action="store_true", help="say what would be archived, and change nothing")
    add(
        "--older-than-days",
        type=_days,
        metavar="N",
        help="objects of run dates more than N days ago, by default as config/ says",
    )
    add("--prefix", help="only keys that begin with it, e.g. processed/sales/orders/")
    add(
        "--env",
        type=cli.environment_argument,
        default=os.environ.get("ETL_ENV", "local"),
        help="a file in config/, by default $ETL_ENV or local",
    )
    add("--json", action="store_true", help="print only the report, as JSON")
    add("--traceback", action="store_true", help="show tracebacks of failures")
    return parser.parse_args()


def _days(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f'"{text}" is not a whole number of days')
    return int(text)


def main() -> int:
    """Run the flow from the command line; the figures go to standard output."""
    options = _arguments()

    def run() -> None:
        try:
            with tasks.command_line():
                report = archive(
                    env=options.env,
                    older_than_days=options.older_than_days,
                    prefix=options.prefix,
                    dry_run=options.dry_run,
                )
        except ArchiveFailed as error:
            print_archive(error.report, as_json=options.json)
            raise
        print_archive(report, as_json=options.json)

    return cli.run_command(
        run,
        again=shlex.join(["python", "flows/archive.py", *sys.argv[1:]]),
        show_traceback=options.traceback,
        stopped="stopped. What is archived stays so; the same command goes on with the rest.",
    )


if __name__ == "__main__":
    sys.exit(main())
