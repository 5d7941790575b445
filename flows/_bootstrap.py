"""Imported first by every flow: src/ on the path, and calmer defaults for Prefect.

Prefect reads its settings when it is imported, so these stand before that; whatever the user has
set wins. On a worker Prefect is imported already, and keeps the worker's own settings.
"""

import logging
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

for name, value in {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",  # prefect.toml has none for what is deployed
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    # The command line prints its own summary; Prefect's log of a failure is three tracebacks.
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_ROOT_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "etl",
}.items():
    os.environ.setdefault(name, value)

# Prefect's built-in server is on this machine: a proxy cannot reach it.
direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")
if direct != "*":
    hosts = dict.fromkeys([*filter(None, direct.split(",")), "127.0.0.1", "localhost"])
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(hosts)

# Prefect shows a run's lines as its logger lets them through; the root logger's level is WARNING.
logging.getLogger("etl").setLevel(logging.INFO)
