"""Which of the lines that were not rejected are looked at."""

from __future__ import annotations

SAMPLED_ROWS = 5_000
SAMPLED_BYTES = 8 * 1024 * 1024
LONGEST_BYTES = 64 * 1024  # of a line; the sample is held in memory


def sample_step(*, rows: int, lines_bytes: int) -> int:
    """Every how manieth line is looked at, of so many.

    Args:
        rows, lines_bytes: Of all lines.
    """
    return max(1, -(-rows // SAMPLED_ROWS), -(-lines_bytes // SAMPLED_BYTES))
