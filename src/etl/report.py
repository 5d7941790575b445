"""What a run did, as JSON beside the data."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, kw_only=True)
class StageReport:
    """One stage's figures.

    Attributes:
        rows: Rows that left the stage, or None where rows are not its matter.
        bytes: Bytes that it wrote (or, for a query, scanned).
        cost_usd: Estimated cost on AWS.
    """

    name: str
    seconds: float
    rows: int | None
    bytes: int | None
    cost_usd: float


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Where the extracted rows went.

    Attributes:
        extracted: All records that the source gave.
        filtered: Left out, as the contract's filter says.
        loaded: In the last layer that the contract has: the warehouse, processed, or raw.
        rejected: Records that the raw format cannot hold; they are dead letters.
    """

    extracted: int
    deduplicated: int = 0
    quarantined: int = 0
    filtered: int = 0
    loaded: int
    rejected: int = 0

    @property
    def missing(self) -> int:
        """Rows that are nowhere; below zero, rows that came from nowhere."""
        gone = self.quarantined + self.deduplicated + self.filtered + self.rejected
        return self.extracted - self.loaded - gone

    @property
    def equation(self) -> str:
        """The sum that must hold, in words."""
        text = (
            f"{self.extracted:,} extracted = {self.loaded:,} loaded"
            f" + {self.quarantined:,} quarantined + {self.deduplicated:,} deduplicated"
        )
        text += f" + {self.filtered:,} filtered" if self.filtered else ""
        return text + (f" + {self.rejected:,} rejected" if self.rejected else "")


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """The whole run.

    Attributes:
        table_rows: Of the warehouse's table; None for a dataset that has none.
        engine: What carried out the transform, and why that; "" where nothing did.
        deleted_rows: Keys that some run brought, and that are gone from the source since.
        drift: Where the source's records differ from the contract, a line for each field.
        corrected_rows: Records with people's corrections in their place.
    """

    dataset: str
    run_date: date
    run_id: str
    environment: str
    status: str
    rows: Rows
    table_rows: int | None
    stages: tuple[StageReport, ...]
    places: dict[str, str]
    reject_reasons: dict[str, int] = field(default_factory=dict)
    engine: str = ""
    deleted_rows: int = 0
    drift: tuple[str, ...] = ()
    corrected_rows: int = 0
    prices_as_of: date
    contract_version: str
    contract_fingerprint: str
    next_steps: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The report as one JSON object."""
        return json.dumps(dataclasses.asdict(self), default=str, indent=2, ensure_ascii=False)


def human_usd(cost: float) -> str:
    """A cost in US dollars, to the hundredth of a cent."""
    return "<0.0001" if 0 < cost < 0.0001 else f"{cost:,.4f}"


def human_bytes(count: int) -> str:
    """A size as people say it: 999 B, 12.3 kB, 4.5 MB."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
