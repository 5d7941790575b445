"""Where files go once their records are loaded."""

from __future__ import annotations

from etl.errors import ContractError
from etl.sources.files.options import FileOptions

_NAME = "completed/"


def completed_folder(folder: str, options: FileOptions) -> str | None:
    """Where a folder's files are moved; None if they are not.

    Args:
        folder: What the location lists, ending in "/".

    Raises:
        ContractError: Files would be moved to where they are, or from S3 to this machine.
    """
    if options.after_load != "move":
        return None
    target = options.completed_prefix or _beside(folder)
    target = target.rstrip("/") + "/"
    if target == folder or _is_on_s3(target) != _is_on_s3(folder):
        raise ContractError(
            f"completedPrefix {target} cannot take the files of {folder}",
            fix="name a prefix elsewhere on S3 for S3, a folder elsewhere for a folder",
        )
    return target


def is_completed(uri: str, folder: str, target: str | None) -> bool:
    """Whether a file below the folder has been moved there by an earlier run."""
    return target is not None and target.startswith(folder) and uri.startswith(target)


def _beside(folder: str) -> str:
    """in/completed/prices/ for in/prices/; in a bucket's root, which has no beside, completed/."""
    start = len("s3://") if _is_on_s3(folder) else 0
    above, _, name = folder.rstrip("/")[start:].rpartition("/")
    if _is_on_s3(folder) and not above:
        return f"{folder}{_NAME}"
    return f"{folder[:start]}{above}/{_NAME}{name}/"


def _is_on_s3(place: str) -> bool:
    return place.startswith("s3://")
