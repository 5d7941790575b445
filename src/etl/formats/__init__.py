"""What a raw object's bytes are: JSON lines, CSV, Parquet or length-delimited protobuf."""

from etl.formats.encoder import DeadLetter, Encoded, Encoder
from etl.formats.open import open_encoder
from etl.formats.proto_text import proto_text

__all__ = ["DeadLetter", "Encoded", "Encoder", "open_encoder", "proto_text"]
