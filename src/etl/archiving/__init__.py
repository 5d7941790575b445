"""Old processed objects go to the archive bucket, for the flow and the Lambda alike."""

from etl.archiving.config import ArchiveConfig
from etl.archiving.objects import ArchiveError
from etl.archiving.report import ArchiveReport, Counts
from etl.archiving.run import archive

__all__ = ["ArchiveConfig", "ArchiveError", "ArchiveReport", "Counts", "archive"]
