"""Old processed objects to the archive bucket: what the archiver's Lambda does every night.

python flows/archive.py --dry-run
"""

from __future__ import annotations

import _bootstrap  # noqa: F401  isort: skip  src/ on the path before anything of it is imported

from etl import prefect_server
from etl.flow_arguments import archive_arguments, open_command

if __name__ == "__main__":  # before Prefect is imported, which takes a second
    options = open_command(archive_arguments)
    prefect_server.begin()

import argparse
import shlex
import sys
from collections.abc import Mapping

from prefect import flow, runtime

from etl import cli, tasks
from etl.archiving import ArchiveReport
from etl.archiving.command import ArchiveFailed, print_archive


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


def main(options: argparse.Namespace) -> int:
    """Run the flow from the command line; the figures go to standard output."""

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
    sys.exit(main(options))
