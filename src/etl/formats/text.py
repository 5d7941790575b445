"""A contract's values as text; `etl.casts` reads each of them back."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any


def as_text(value: Any) -> str:
    """A value as text, e.g. 12.50, true, 2026-01-31, 2026-01-31T09:15:27Z; arrays are JSON."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case list():
            return json.dumps(value, default=as_text, ensure_ascii=False, separators=(",", ":"))
    return repr(value)  # an int, or a float in as few digits as bring it back
