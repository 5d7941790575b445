"""The archiver as people start it: settings in, figures out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from aws.clients import make_client
from etl.archiving.config import ArchiveConfig
from etl.archiving.objects import ArchiveError
from etl.archiving.report import ArchiveReport
from etl.archiving.run import archive
from etl.environment import enter
from etl.errors import UsageError
from etl.figures import Figures
from etl.metrics import send_figures
from etl.report import human_bytes

if TYPE_CHECKING:
    from etl.settings import Settings


class ArchiveFailed(ArchiveError):
    """Some objects could not be archived. `report` says which."""

    report: ArchiveReport

    @classmethod
    def of(cls, report: ArchiveReport) -> ArchiveFailed:
        """The error that a report amounts to."""
        error = cls(report.cause, fix="see to the cause; the same command goes on with the rest")
        error.report = report
        return error


def archive_now(
    *,
    environment: str,
    older_than_days: int | None = None,
    prefix: str | None = None,
    dry_run: bool = False,
) -> ArchiveReport:
    """Enter the environment and archive what is due there, to the end.

    Args:
        older_than_days: Instead of the environment's retention.
        prefix: Only keys that begin with it; it begins with the environment's own.

    Raises:
        UsageError, SettingsError: Nothing has been touched.
        StorageError: A bucket is missing or refuses access.
        ArchiveFailed: Some objects could not be archived.
    """
    settings = enter(environment)
    config = _config(settings, older_than_days, prefix)
    figures = Figures()
    report = archive(
        config,
        s3=make_client("s3", settings.aws),
        glue=make_client("glue", settings.aws),
        now=datetime.now(UTC),
        dry_run=dry_run,
    )
    if not dry_run:
        counts = report.counts
        figures.count(objects=counts.objects, size=counts.bytes, errors=counts.errors)
        send_figures(figures, settings=settings, dataset="processed", step="archive")
    if report.counts.errors:
        raise ArchiveFailed.of(report)
    return report


def _config(settings: Settings, older_than_days: int | None, prefix: str | None) -> ArchiveConfig:
    config = ArchiveConfig.of(settings)
    if prefix is not None and not prefix.startswith(config.prefix):
        raise UsageError(
            f'"{prefix}" is not below {config.prefix}, which is what is archived',
            fix=f"choose a prefix that begins with {config.prefix}, or change archiver.prefix",
        )
    days = config.retention_days if older_than_days is None else older_than_days
    return replace(config, prefix=prefix or config.prefix, retention_days=days)


def print_archive(report: ArchiveReport, *, as_json: bool) -> None:
    """Show the figures on standard output."""
    if as_json:
        print(report.to_json())
        return
    counts = report.counts
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim")
    table.add_column()
    rows = {
        "from": report.source,
        "to": report.target,
        "before": str(report.before),
        "looked at": f"{counts.listed:,} objects",
        "would go" if report.is_dry_run else "archived": f"{counts.objects:,} objects,"
        f" {human_bytes(counts.bytes)}",
        "partitions dropped": f"{counts.partitions:,}",
        "changed meanwhile": f"{counts.changed:,}" if counts.changed else "",
        "errors": f"{counts.errors:,}",
        "time": f"{report.seconds:.1f} s",
    }
    for name, value in rows.items():
        if value:
            table.add_row(name, value)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"\narchive in {report.environment}: {report.status}\n")
    console.print(table)
    for key, cause in counts.failures:
        console.print(f"\n{key} stays: {cause}", markup=False)
