"""Every record that the source gave is accounted for, or the run goes no further.

The sum is made of what each step found for itself: the extraction's manifest, the transform's
counts, the validator's count of the files' rows, the warehouse's.
"""

from __future__ import annotations

from etl.errors import ConservationError
from etl.manifest import Manifest
from etl.report import Rows
from etl.transform import TransformResult


def count_rows(manifest: Manifest, transformed: TransformResult, loaded: int) -> Rows:
    """Where the extracted records went.

    Args:
        loaded: Rows of the last layer, as whoever came last counted them.
    """
    counts = transformed.rows
    return Rows(
        extracted=manifest.extracted,
        rejected=manifest.rejected,
        deduplicated=counts.deduplicated,
        quarantined=counts.quarantined,
        filtered=counts.filtered,
        loaded=loaded,
    )


def check_conservation(manifest: Manifest, transformed: TransformResult, loaded: int) -> Rows:
    """The same, if it adds up.

    Raises:
        ConservationError: Rows are missing, or there are too many.
    """
    of_objects = sum(each.rows for each in manifest.objects)
    if of_objects != manifest.rows:
        raise ConservationError(
            f"the extraction's objects hold {of_objects:,} records, its manifest says"
            f" {manifest.rows:,}",
            fix="run the date again: it is extracted anew",
        )
    rows = count_rows(manifest, transformed, loaded)
    if rows.missing:
        found = (
            f"{rows.missing:,} are missing" if rows.missing > 0 else f"{-rows.missing:,} appeared"
        )
        raise ConservationError(
            f"{manifest.dataset} {manifest.run_date} does not add up: {rows.equation}: {found}",
            fix="keep the raw and processed files, and look at metrics.json beside report.json",
        )
    return rows
