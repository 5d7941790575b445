"""Open a source of files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from etl.errors import SourceError
from etl.model import Contract
from etl.sources.files.locations import SUFFIXES, find_files
from etl.sources.files.options import FileOptions, read_file_options
from etl.sources.files.reading import read_file
from etl.sources.files.source_file import SourceFile
from etl.sources.locations import fill_run_date
from etl.sources.records import Item, OpenSource, SourceContext


def open_files(contract: Contract, context: SourceContext) -> OpenSource:
    """The records of the files of the run date.

    Raises:
        ContractError: The location or an option makes no sense.
        SourceError: There is no file; while reading, a file is not what the contract says.
        StorageError: The bucket is missing or refuses access.
    """
    options = read_file_options(contract)
    location = fill_run_date(contract.source.location, context.run_date, dataset=contract.dataset)
    s3 = None
    if location.startswith("s3://"):
        s3 = context.client("s3", region=options.region, role_arn=options.role_arn)
    found = find_files(location, format=contract.source.format, s3=s3)
    if not found.files:
        raise _nothing_at(location, contract.source.format)
    return OpenSource(items=_read(found.files, contract, options))


def _read(files: Sequence[SourceFile], contract: Contract, options: FileOptions) -> Iterator[Item]:
    for file in files:
        yield file.found
        yield from read_file(file, contract=contract, options=options)


def _nothing_at(location: str, format: str) -> SourceError:
    return SourceError(
        f"no {format} file at {location}",
        fix="check the source's location in the contract or in config/, and the run date; of a "
        f"folder, files count whose names end in {' or '.join(SUFFIXES[format])}",
    )
