"""An object's bytes without their compression."""

from __future__ import annotations

import bz2
import gzip
import io
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from local_cloud.redshift.load_source import Source


def open_source(source: Source, options: Mapping[str, str]) -> Any:
    """A binary stream of what the options say the object holds."""
    if "gzip" in options:
        return gzip.open(source.path, "rb")
    if "bzip2" in options:
        return bz2.open(source.path, "rb")
    if "zstd" in options:
        return io.BufferedReader(pa.CompressedInputStream(str(source.path), "zstd"))
    return source.path.open("rb")
