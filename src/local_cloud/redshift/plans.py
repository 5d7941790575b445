"""What is to be done with a statement."""

from __future__ import annotations

from dataclasses import dataclass, field

from local_cloud.redshift.errors import SqlError


@dataclass(frozen=True)
class Plain:
    """PostgreSQL runs it as `sql` has it."""

    sql: str


@dataclass(frozen=True)
class Begin(Plain):
    """It opens a transaction block."""


@dataclass(frozen=True)
class End(Plain):
    """It ends a transaction block."""


@dataclass(frozen=True)
class Refused:
    """It fails with `error`."""

    error: SqlError


@dataclass(frozen=True)
class Truncate:
    """TRUNCATE, which commits the transaction it stands in."""

    sql: str


@dataclass(frozen=True)
class Alone:
    """It runs, but not in a transaction block."""

    sql: str
    name: str


@dataclass(frozen=True)
class Copy:
    """COPY … FROM 's3://…'.

    Attributes:
        table: As written, with its quotes.
        columns: As written; empty for all of the table's.
        options: By lower-case name; a flag's value is "".
    """

    table: str
    columns: tuple[str, ...]
    source: str
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Unload:
    """UNLOAD ('query') TO 's3://…'.

    Attributes:
        query: Already rewritten.
    """

    query: str
    target: str
    partition_by: tuple[str, ...] = ()
    options: dict[str, str] = field(default_factory=dict)


Special = Refused | Truncate | Alone | Copy | Unload
Plan = Plain | Special
