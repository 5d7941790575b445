"""What a raw object's bytes are: JSON lines, CSV, Parquet or length-delimited protobuf."""

from etl.formats.encoder import DeadLetter, Encoded, Encoder
from etl.formats.open import open_encoder

__all__ = ["DeadLetter", "Encoded", "Encoder", "open_encoder"]
