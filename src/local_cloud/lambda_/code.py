"""A function's code and layers, unpacked to where it runs, and the SDK of the runtime."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
import zipfile
from importlib import util
from pathlib import Path

from local_cloud.home import UNFINISHED

_SDK = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
_MAX_UNZIPPED_BYTES = 250 * 1024 * 1024  # AWS Lambda quotas: deployment package, unzipped


class CodeError(Exception):
    """A deployment package that Lambda would refuse."""


def unpack(archive: bytes, folder: Path, digest: str) -> Path:
    """Unpack a zip once: the same content is never unpacked again.

    Args:
        folder: Where all code lies.
        digest: Of the archive; names its own folder in there.

    Raises:
        CodeError: It is no zip, or too large.
    """
    unpacked = folder / digest
    if unpacked.exists():
        return unpacked
    folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder))
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as package:
            if sum(entry.file_size for entry in package.infolist()) > _MAX_UNZIPPED_BYTES:
                raise CodeError(f"Unzipped size must be smaller than {_MAX_UNZIPPED_BYTES} bytes")
            for entry in package.infolist():
                target = Path(package.extract(entry, scratch))
                if mode := entry.external_attr >> 16:
                    target.chmod(mode & 0o777 | 0o600)
        scratch.replace(unpacked)
    except zipfile.BadZipFile as error:
        raise CodeError("Could not unzip uploaded file. Please check your file.") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return unpacked


def remove_unfinished(folder: Path) -> None:
    """Remove what a process that was killed had not wholly unpacked."""
    for scratch in folder.glob(f"{UNFINISHED}*"):
        shutil.rmtree(scratch, ignore_errors=True)


def link_sdk(folder: Path) -> Path:
    """A folder with the SDK that AWS's Python runtime brings, and nothing else of this venv."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in _SDK:
        spec = util.find_spec(name)
        assert spec and spec.origin, f"{name} is a dependency of boto3"
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (folder / source.name).symlink_to(source)
    return folder


def python_path(task_root: Path, layers: list[Path], sdk: Path) -> list[Path]:
    """Where the function's imports are looked up, in AWS's order."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    of_layers = [
        layer / "python" / sub for layer in layers for sub in ("", f"lib/{version}/site-packages")
    ]
    return [task_root, *of_layers, sdk]
