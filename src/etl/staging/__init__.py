"""Whatever a source yields → raw objects on S3: one writer for all of them."""

from etl.staging.run import stage_raw
from etl.staging.staged import Staged
from etl.staging.writer import RawWriter

__all__ = ["RawWriter", "Staged", "stage_raw"]
