"""The code that is deployed: archives and scripts, each under a key that its content names."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from etl.errors import UsageError
from etl.root import ROOT

SCRIPT = ROOT / "_glue-job" / "transform.py"
LIBRARY = "etl.zip"


@dataclass(frozen=True, kw_only=True)
class CodeFile:
    """A file that Terraform puts into the artifacts bucket.

    Attributes:
        path: From the repository's top, if it lies there.
        key: Other content has another key, so that what runs is never half replaced.
        sha256: In base64, as Lambda tells it.
    """

    path: str
    key: str
    sha256: str

    @classmethod
    def of(cls, path: Path) -> CodeFile:
        """The file, read."""
        digest = hashlib.sha256(path.read_bytes())
        shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        return cls(
            path=shown.as_posix(),
            key=f"code/{digest.hexdigest()[:16]}/{path.name}",
            sha256=base64.b64encode(digest.digest()).decode(),
        )


def code_files(archives: Iterable[str], folder: Path) -> dict[str, CodeFile]:
    """The Glue job's script and the archives in `folder`, by file name.

    Raises:
        UsageError: An archive has not been built.
    """
    paths = [folder / name for name in archives]
    if absent := [path.name for path in paths if not path.is_file()]:
        raise UsageError(f"{folder} has no {', '.join(absent)}", fix="make package")
    return {path.name: CodeFile.of(path) for path in (SCRIPT, *paths)}
