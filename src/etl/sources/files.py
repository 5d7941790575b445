"""Read files: a local path or an S3 place, JSON lines or CSV, plain or gzip."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

from botocore.exceptions import BotoCoreError

from etl.errors import ContractError, SourceError
from etl.model import Contract
from etl.sources.csv_rows import read_csv
from etl.sources.json_lines import read_json_lines
from etl.sources.locations import SourceFile, fill_run_date, find_files
from etl.sources.options import read_options
from etl.sources.records import OpenSource, SourceContext

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, kw_only=True)
class FileOptions:
    """What a contract may say of files, as the source's options.

    Attributes:
        encoding: Of CSV files; JSON lines are UTF-8 always. A byte order mark is dropped.
        delimiter, quotechar: Of CSV files.
        record_limit_mib: A longer record is refused: the file is probably not what it seems.
    """

    encoding: str = "utf-8"
    delimiter: str = ","
    quotechar: str = '"'
    record_limit_mib: int = 64


def open_files(contract: Contract, context: SourceContext) -> OpenSource:
    """The records of the files of the run date.

    Raises:
        ContractError, SourceError: As `read_files`.
    """
    location = fill_run_date(contract.source.location, context.run_date, dataset=contract.dataset)
    s3 = context.client("s3") if location.startswith("s3://") else None
    return OpenSource(items=read_files(location, contract=contract, s3=s3))


def read_files(location: str, *, contract: Contract, s3: S3Client | None = None) -> Iterator[bytes]:
    """The records of every file at a location, files in the order of their names.

    Raises:
        ContractError: An option is unknown or has the wrong type.
        SourceError: There is no such file, or it cannot be read.
    """
    options = read_options(FileOptions, contract.source.options, where=location)
    _check_dialect(options, location)
    files = find_files(location, format=contract.source.format, s3=s3)
    return _read_all(files, contract, options)


def _check_dialect(options: FileOptions, location: str) -> None:
    problems = [
        f"{name} must be one character, got {value!r}"
        for name, value in (("delimiter", options.delimiter), ("quotechar", options.quotechar))
        if len(value) != 1
    ]
    try:
        codecs.lookup(options.encoding)
    except LookupError:
        problems.append(f"encoding {options.encoding!r} is unknown")
    if problems:
        raise ContractError(
            f"the options of the source {location}: {'; '.join(problems)}",
            fix="use a dialect that Python's csv module and codecs know",
        )


def _decoder(encoding: str) -> str:
    """The encoding's name, for UTF-8 that of the variant that drops a byte order mark."""
    name = codecs.lookup(encoding).name
    return "utf-8-sig" if name == "utf-8" else name


def _read_all(files: list[SourceFile], contract: Contract, options: FileOptions) -> Iterator[bytes]:
    for file in files:
        try:
            with ExitStack() as opened:
                yield from _read_one(file, opened, contract, options)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise SourceError(
                f"{file.name} is not a whole gzip file: {error}",
                fix="fetch the file again; an interrupted copy looks like this",
            ) from error
        except (OSError, BotoCoreError) as error:
            raise SourceError(
                f"{file.name} cannot be read: {error}",
                fix="check the file and its permissions, then run the date again",
            ) from error


def _read_one(
    file: SourceFile, opened: ExitStack, contract: Contract, options: FileOptions
) -> Iterator[bytes]:
    stream: IO[bytes] = opened.enter_context(file.open())
    if file.name.endswith(".gz"):
        stream = cast(IO[bytes], opened.enter_context(gzip.GzipFile(fileobj=stream)))
    limit_bytes = options.record_limit_mib * 1024 * 1024
    if contract.source.format == "csv":
        text = io.TextIOWrapper(
            cast(io.BufferedReader, stream),
            encoding=_decoder(options.encoding),
            errors="surrogateescape",
            newline="",
        )
        needed = [each.path[0] for each in contract.columns if each.path and each.required]
        return read_csv(
            text,
            name=file.name,
            needed=needed,
            delimiter=options.delimiter,
            quotechar=options.quotechar,
            limit_bytes=limit_bytes,
        )
    return read_json_lines(stream, name=file.name, limit_bytes=limit_bytes)
