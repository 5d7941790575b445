"""What reads raw objects: other tools than those that wrote them, where there are any."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import io
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import zstandard

from etl.formats import DeadLetter, Encoder, open_encoder
from etl.formats.proto_text import proto_text
from etl.model import Contract, Raw

RUN_DATE = date(2026, 1, 31)


@dataclasses.dataclass(frozen=True)
class Written:
    """One raw object."""

    data: bytes
    rows: int
    dead: list[DeadLetter]
    encoder: Encoder


def write_blocks(contract: Contract, blocks: Sequence[bytes], **raw: Any) -> Written:
    """One object of these blocks, in the format and compression given."""
    encoder = open_encoder(dataclasses.replace(contract, raw=Raw(**raw)), RUN_DATE)
    encoded = [encoder.encode(block) for block in blocks]
    return Written(
        data=b"".join(each.data for each in encoded) + encoder.finish(),
        rows=sum(each.rows for each in encoded),
        dead=[letter for each in encoded for letter in each.dead],
        encoder=encoder,
    )


def unpack(data: bytes, compression: str) -> bytes:
    """What was compressed, by the libraries that readers use."""
    match compression:
        case "gzip":
            return gzip.decompress(data)
        case "zstd":
            return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return data


def read_csv(data: bytes) -> list[list[str]]:
    """The rows, the header first."""
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def split_messages(data: bytes) -> Iterator[bytes]:
    """The messages of a length-delimited stream, without their lengths."""
    position = 0
    while position < len(data):
        length = shift = 0
        while True:
            byte = data[position]
            position += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        yield data[position : position + length]
        position += length


def compile_proto(contract: Contract, folder: Path) -> Path:
    """The contract's .proto file, written to the folder."""
    path = folder / "_schema.proto"
    path.write_text(proto_text(contract), encoding="utf-8")
    return path


def protoc(proto: Path, option: str, data: bytes) -> bytes:
    """What protoc makes of data by a .proto file, e.g. with option "--decode=sales.Orders"."""
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{proto.parent}", option, str(proto)]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout
