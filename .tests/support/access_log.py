"""What tools/least_privilege.py is told besides the calls that embedded clouds record."""

from __future__ import annotations

import json
import os
from pathlib import Path


def stands_for(name: str, named: str) -> None:
    """Note that a test uses a name in the place of one of config/local.yml's.

    Policies speak of the latter: what a role does to the former, it could do to that.
    """
    folder = os.environ.get("LOCAL_CLOUD_ACCESS_LOG")
    if folder and Path(folder).is_dir():
        with (Path(folder) / f"{os.getpid()}.names").open("a") as notes:
            notes.write(json.dumps({name: named}) + "\n")
