"""Files as a source: a folder or an S3 prefix, in several formats."""

from etl.sources.files.open import open_files
from etl.sources.files.settle import settle_files

__all__ = ["open_files", "settle_files"]
