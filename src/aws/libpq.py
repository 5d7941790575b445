"""What every connection to a database by libpq is given."""

from __future__ import annotations

from typing import Any

# A NAT gateway forgets, without a word, a connection that is silent for 350 seconds.
KEEPALIVES: dict[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 6,
}
