"""What a contract may say of files."""

from __future__ import annotations

import codecs
import csv
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

from etl.errors import ContractError
from etl.model import Contract
from etl.sources.files.csv_rows import Dialect
from etl.sources.options import read_options

AfterLoad = Literal["keep", "move", "delete"]


@dataclass(frozen=True, kw_only=True)
class FileOptions:
    """The options of a file source.

    Attributes:
        region, role_arn: Of a bucket elsewhere; None for the environment's.
        only_new: Whether a file that another run date has taken is left out.
        after_load: What becomes of a file once its records are loaded. Files that are moved or
            deleted are taken once, as with `only_new`.
        completed_prefix: Where files are moved; None for completed/ beside their folder.
        encoding, delimiter, quotechar, escapechar, doublequote: Of CSV; see `Dialect`.
        header: Whether CSV files begin with the names of their columns; if not, the columns are
            those of the contract, in its order.
        columns_by_position: Whether the columns are those of the contract in its order whatever a
            header calls them; for headers with a name twice, or with none.
        allow_missing_columns: Whether a CSV header or a Parquet file may lack columns that are
            not required.
        timestamp_zone: What zone Parquet timestamps without one are in; None refuses them.
        record_limit_mib: A longer record is refused: the file is probably not what it seems.
        expansion_limit: How many times as large as the file its content may be.
    """

    region: str | None = None
    role_arn: str | None = None
    only_new: bool = False
    after_load: AfterLoad = "keep"
    completed_prefix: str | None = None
    encoding: str = "utf-8"
    delimiter: str = ","
    quotechar: str | None = '"'
    escapechar: str | None = None
    doublequote: bool = True
    header: bool = True
    columns_by_position: bool = False
    allow_missing_columns: bool = False
    timestamp_zone: str | None = None
    record_limit_mib: int = 64
    expansion_limit: int = 200

    @property
    def dialect(self) -> Dialect:
        """How CSV is written."""
        return Dialect(
            encoding=self.encoding,
            delimiter=self.delimiter,
            quotechar=self.quotechar,
            escapechar=self.escapechar,
            doublequote=self.doublequote,
        )

    @property
    def tracks_files(self) -> bool:
        """Whether a file is taken by one run date only, so that runs remember which they took."""
        return self.only_new or self.after_load != "keep"

    @property
    def limit_bytes(self) -> int:
        """A record's largest size."""
        return self.record_limit_mib * 1024 * 1024


def read_file_options(contract: Contract) -> FileOptions:
    """The contract's options for files.

    Raises:
        ContractError: One is unknown or makes no sense.
    """
    where = contract.source.location
    options = read_options(FileOptions, contract.source.options, where=where)
    problems = [*_dialect_problems(options), *_zone_problems(options)]
    if problems:
        raise ContractError(
            f"the options of the source {where}: {'; '.join(problems)}",
            fix="use a dialect that Python's csv module and codecs know, and an IANA time zone",
        )
    return options


def _dialect_problems(options: FileOptions) -> list[str]:
    signs = {"delimiter": options.delimiter}
    signs |= {"quotechar": options.quotechar} if options.quotechar is not None else {}
    signs |= {"escapechar": options.escapechar} if options.escapechar is not None else {}
    problems = [
        f"{name} must be one character, got {value!r}"
        for name, value in signs.items()
        if len(value) != 1
    ]
    try:
        codecs.getincrementaldecoder(options.encoding)
    except LookupError:
        problems.append(f"encoding {options.encoding!r} is unknown")
    fitting: Any = {name: value for name, value in signs.items() if len(value) == 1}
    try:
        csv.reader([], **fitting)
    except (TypeError, ValueError) as error:
        problems.append(str(error))
    return problems


def _zone_problems(options: FileOptions) -> list[str]:
    if options.timestamp_zone is None:
        return []
    try:
        ZoneInfo(options.timestamp_zone)
    except (ValueError, OSError):
        return [f"timestampZone {options.timestamp_zone!r} is unknown"]
    return []
