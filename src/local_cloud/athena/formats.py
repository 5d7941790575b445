"""File formats of tables: what the catalogue says of them, and what DuckDB writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_HIVE = "org.apache.hadoop.hive.ql.io"
_TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
_TEXT_OUTPUT = f"{_HIVE}.HiveIgnoreKeyTextOutputFormat"


@dataclass(frozen=True)
class Format:
    """A format by its SerDe.

    Attributes:
        duckdb: Options of COPY that write it; "" where it is only read.
    """

    library: str
    input_format: str
    output_format: str
    duckdb: str = ""
    suffix: str = ""


FORMATS = {
    "ParquetHiveSerDe": Format(
        f"{_HIVE}.parquet.serde.ParquetHiveSerDe",
        f"{_HIVE}.parquet.MapredParquetInputFormat",
        f"{_HIVE}.parquet.MapredParquetOutputFormat",
        "FORMAT parquet",
        ".parquet",
    ),
    "JsonSerDe": Format(
        "org.openx.data.jsonserde.JsonSerDe", _TEXT_INPUT, _TEXT_OUTPUT, "FORMAT json", ".json"
    ),
    "LazySimpleSerDe": Format(
        "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe", _TEXT_INPUT, _TEXT_OUTPUT
    ),
    "OpenCSVSerde": Format("org.apache.hadoop.hive.serde2.OpenCSVSerde", _TEXT_INPUT, _TEXT_OUTPUT),
}


def storage_descriptor(
    serde: str, columns: dict[str, str], location: str, parameters: dict[str, str]
) -> dict[str, Any]:
    """What the catalogue says of a table's files.

    Args:
        serde: A key of `FORMATS`.
        columns: Names and types.
        parameters: SERDEPROPERTIES.
    """
    found = FORMATS[serde]
    return {
        "Columns": [{"Name": name, "Type": kind} for name, kind in columns.items()],
        "Location": location,
        "InputFormat": found.input_format,
        "OutputFormat": found.output_format,
        "SerdeInfo": {
            "SerializationLibrary": found.library,
            "Parameters": {"serialization.format": "1", **parameters},
        },
    }
