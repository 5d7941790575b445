"""Read one file, whatever its format and compression."""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import BotoCoreError

from etl.errors import SourceError
from etl.model import Contract
from etl.sources.files.compression import decompressed
from etl.sources.files.csv_rows import Fields, read_csv
from etl.sources.files.expansion import Expansion
from etl.sources.files.json_documents import read_json_document
from etl.sources.files.json_lines import read_json_lines
from etl.sources.files.options import FileOptions
from etl.sources.files.parquet_rows import read_parquet
from etl.sources.files.source_file import SourceFile
from etl.sources.records import Lines


def read_file(file: SourceFile, *, contract: Contract, options: FileOptions) -> Iterator[Lines]:
    """The file's records.

    Raises:
        SourceError: It cannot be read, or is not what the contract says.
    """
    size, times = file.found.size, options.expansion_limit
    expansion = Expansion(file.found.uri, size=size, times=times)
    try:
        if contract.source.format == "parquet":
            with file.open_parts() as parts:
                yield from read_parquet(
                    parts,
                    name=file.found.uri,
                    contract=contract,
                    options=options,
                    expansion=expansion,
                )
        else:
            yield from _read_text(file, contract, options, expansion)
    except (OSError, BotoCoreError) as error:
        raise SourceError(
            f"{file.found.uri} cannot be read: {error}",
            fix="check the file and its permissions, then run the date again",
        ) from error


def _read_text(
    file: SourceFile, contract: Contract, options: FileOptions, expansion: Expansion
) -> Iterator[Lines]:
    name = file.found.uri
    with file.open() as stream, decompressed(stream, name=name, expansion=expansion) as plain:
        if contract.source.format == "csv":
            yield from read_csv(
                plain,
                name=name,
                fields=_fields(contract, options),
                dialect=options.dialect,
                limit_bytes=options.limit_bytes,
            )
        elif contract.source.format == "json":
            yield from read_json_document(plain, name=name, limit_bytes=options.limit_bytes)
        else:
            yield from read_json_lines(plain, name=name, limit_bytes=options.limit_bytes)


def _fields(contract: Contract, options: FileOptions) -> Fields:
    received = [each for each in contract.columns if each.path]
    names = list(dict.fromkeys(each.path[0] for each in received))
    required = {each.path[0] for each in received if each.required}
    return Fields(
        names=names,
        needed=[n for n in names if n in required or not options.allow_missing_columns],
        has_header=options.header,
        by_position=options.columns_by_position,
        normalised=contract.normalise_names,
    )
