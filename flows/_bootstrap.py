"""Imported first by every flow: src/ on the path, and calmer defaults for Prefect.

Prefect reads its settings when it is imported, so these stand before that; whatever the user has
set wins. On a worker Prefect is imported already, and keeps the worker's own settings.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

for name, value in {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    # The command line prints its own summary; Prefect's log of a failure is three tracebacks.
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_ROOT_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "etl",
}.items():
    os.environ.setdefault(name, value)
