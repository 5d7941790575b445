"""What a run's stages would cost on AWS: estimates in US dollars, from config/prices/."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml

from etl.root import ROOT

# DPUs a worker of each type counts for (AWS Glue developer guide, "Worker types").
_DPUS = {"G.1X": 1, "G.2X": 2, "G.4X": 4, "G.8X": 8}
_TB = 10**12


@dataclass(frozen=True)
class Prices:
    """List prices; the names say the unit."""

    as_of: date
    s3_put_per_1000: float
    s3_get_per_1000: float
    glue_dpu_hour: float
    glue_minimum_seconds: float
    lambda_gb_second: float
    lambda_per_million_requests: float
    redshift_serverless_rpu_hour: float
    redshift_serverless_base_rpus: float
    redshift_minimum_seconds: float
    athena_tb_scanned: float
    athena_minimum_bytes: float

    def s3(self, *, puts: int, gets: int = 0) -> float:
        """Requests to S3."""
        return puts / 1000 * self.s3_put_per_1000 + gets / 1000 * self.s3_get_per_1000

    def glue(self, *, seconds: float, worker_type: str, workers: int) -> float:
        """One job run."""
        billed = max(seconds, self.glue_minimum_seconds)
        return billed / 3600 * _DPUS[worker_type] * workers * self.glue_dpu_hour

    def lambda_(self, *, seconds: float, memory_mb: int) -> float:
        """One invocation."""
        return (
            seconds * memory_mb / 1024 * self.lambda_gb_second
            + self.lambda_per_million_requests / 10**6
        )

    def redshift(self, *, seconds: float) -> float:
        """One stretch of work on a serverless workgroup at its base capacity."""
        billed = max(seconds, self.redshift_minimum_seconds)
        rpus = self.redshift_serverless_base_rpus
        return billed / 3600 * rpus * self.redshift_serverless_rpu_hour

    def athena(self, *, bytes_scanned: int) -> float:
        """One query."""
        return max(bytes_scanned, self.athena_minimum_bytes) / _TB * self.athena_tb_scanned


def load_prices(root: Path = ROOT) -> Prices:
    """The prices in config/prices/us-east-1.yml."""
    return Prices(**yaml.safe_load((root / "config" / "prices" / "us-east-1.yml").read_text()))
