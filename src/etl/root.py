"""Where the project's folders are: config/, athena/ and the others."""

from __future__ import annotations

from pathlib import Path

_MODULES = Path(__file__).resolve().parents[1]
# In a function's archive the modules lie at the top, beside config/; there is no src/.
ROOT = _MODULES.parent if _MODULES.name == "src" else _MODULES
