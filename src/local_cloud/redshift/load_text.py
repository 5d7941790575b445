"""COPY of delimited text, CSV and JSON: made uniform here, typed by PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from local_cloud.redshift.access import Access
from local_cloud.redshift.backend import BackendError
from local_cloud.redshift.errors import SqlError, not_embedded
from local_cloud.redshift.load_csv import csv_chunks
from local_cloud.redshift.load_json import json_chunks
from local_cloud.redshift.load_source import Source
from local_cloud.redshift.plans import Copy
from local_cloud.redshift.table import Column, Failure, LoadError, Table

_WHERE = re.compile(r'COPY .*, line (\d+)(?:, column ([^:]+)(?:: "(.*)")?)?', re.DOTALL)
_SKIPPED = re.compile(
    r'skipping row due to data type incompatibility at line (\d+) for column "(.*)": "?(.*?)"?$',
    re.DOTALL,
)
_NOT_EMBEDDED = frozenset(
    "acceptanydate escape fillrecord lzop removequotes addquotes encoding ignoreallerrors"
    " master_symmetric_key readratio ssh".split()
)
_DATA_ERRORS = ("22", "23")  # the classes of SQLSTATE that a row's values lead to
_REASONS = {
    "boolean": (1210, "Unknown boolean format"),
    "date": (1205, "Invalid Date Format - length must be 10 or more"),
    "timestamp without time zone": (
        1206,
        "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]",
    ),
    "timestamp with time zone": (1206, "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]"),
}


class TextRows:
    """The rows of text files, as CSV that PostgreSQL reads."""

    def __init__(self, access: Access, plan: Copy, table: Table, sources: Sequence[Source]) -> None:
        for name in plan.options:
            if name in _NOT_EMBEDDED:
                raise not_embedded(f"COPY with {name.upper()}")
        if plan.options.get("dateformat", "auto").lower() not in ("auto", "yyyy-mm-dd"):
            raise not_embedded("COPY with a DATEFORMAT other than 'auto'")
        allowed = int(plan.options.get("maxerror", 0))
        self.options = "FORMAT csv"
        if allowed > 1:
            self.options += f", ON_ERROR ignore, REJECT_LIMIT {allowed - 1}, LOG_VERBOSITY verbose"
        self._access = access
        self._plan = plan
        self._table = table
        self._sources = sources
        self._allowed = allowed
        self._starts: list[tuple[int, int, Source]] = []  # rows before it, lines skipped in it
        self._rows = 0
        self.errors: list[LoadError] = []

    def chunks(self) -> Iterator[bytes]:
        """The rows of all files."""
        make = json_chunks if self._plan.options.get("format") == "json" else csv_chunks
        for source in self._sources:
            skipped = int(self._plan.options.get("ignoreheader", 0))
            self._starts.append((self._rows, skipped, source))
            for rows, text in make(self._access, self._plan, self._table, source, self._leave_out):
                self._rows += rows
                yield text

    def _leave_out(self, error: LoadError) -> None:
        """Count a row that cannot be loaded.

        Raises:
            Failure: There are as many of them as MAXERROR takes for too many.
        """
        if len(self.errors) + 1 >= max(self._allowed, 1):
            raise Failure(self._failed(), load_error=error)
        self.errors.append(error)

    def explain(self, error: BackendError) -> tuple[SqlError, LoadError | None]:
        """What PostgreSQL's refusal means: the file, the line, the column."""
        found = _WHERE.match(error.fields.get("W", ""))
        if not found or error.code[:2] not in _DATA_ERRORS:
            return error, None
        return self._failed(), self._load_error(int(found[1]), found[2], found[3] or "", error)

    def note_skipped(self, notices: Sequence[dict[str, str]]) -> None:
        """Take down the rows that PostgreSQL left out."""
        for notice in notices:
            if found := _SKIPPED.match(notice.get("M", "")):
                self.errors.append(self._load_error(int(found[1]), found[2], found[3], None))

    def _load_error(
        self, row: int, name: str | None, value: str, error: BackendError | None
    ) -> LoadError:
        before, skipped, source = max(s for s in self._starts if s[0] < row)
        column = next((c for c in self._table.columns if c.name == name), None)
        if error and (constraint := error.fields.get("n")):
            column = self._limited(constraint) or column
        code, reason = self._reason(column, value, error)
        return LoadError(source.uri, row - before + skipped, code, reason, column, value)

    def _limited(self, constraint: str) -> Column | None:
        found = re.fullmatch(r"redshift_bytes_\d+_(\d+)", constraint)
        return next(
            (c for c in self._table.columns if found and c.is_text and c.size == int(found[1])),
            None,
        )

    @staticmethod
    def _reason(column: Column | None, value: str, error: BackendError | None) -> tuple[int, str]:
        if error and error.code == "23502":
            return 1213, "Missing data for not-null field"
        if column and column.is_text:
            return 1204, "String length exceeds DDL length"
        if column and column.kind in _REASONS:
            return _REASONS[column.kind]
        if column and column.kind == "super":
            return 1224, "Invalid JSON format"
        kind = column.kind.title() if column else ""
        digit = next((n for n, c in enumerate(value) if c not in "+-.0123456789"), 0)
        return 1207, f"Invalid digit, Value '{value[digit : digit + 1]}', Pos {digit}, Type: {kind}"

    def _failed(self) -> SqlError:
        return SqlError(
            f"Load into table '{self._table.sql_name.rpartition('.')[2]}' failed.  Check"
            " 'stl_load_errors' system table for details."
        )
