"""The queries of athena/: one statement a file, with named parameters and names from the contract.

A file's comments say what it does and declare what it takes:

    -- Orders and revenue a day.
    -- first_date: date

`:first_date` is a value; it reaches Athena as an execution parameter, never as text. `{database}`,
`{table}` and `{partition}` come from the contract; a declared `identifier` is used as `{name}`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from etl.errors import UsageError
from etl.root import ROOT

FOLDER = ROOT / "athena"

_TYPES = ("identifier", "string", "integer", "decimal", "date")
_COMMENT = re.compile(r"^-- ?(.*)$", re.MULTILINE)
_DECLARATION = re.compile(rf"(\w+): ({'|'.join(_TYPES)})")


@dataclass(frozen=True, kw_only=True)
class NamedQuery:
    """A file of athena/.

    Attributes:
        description: Its comments, without the declarations.
        parameters: What it takes: a type for each name.
    """

    name: str
    description: str
    parameters: dict[str, str]
    sql: str


def list_queries(folder: Path = FOLDER) -> list[str]:
    """The names of the queries, sorted."""
    return sorted(path.stem for path in folder.glob("*.sql"))


def load_query(name: str, *, folder: Path = FOLDER) -> NamedQuery:
    """Read a query by its file's name.

    Raises:
        UsageError: There is no such query.
    """
    if name not in list_queries(folder):
        raise UsageError(
            f'there is no query "{name}"', fix=f"choose one of {', '.join(list_queries(folder))}"
        )
    sql = (folder / f"{name}.sql").read_text(encoding="utf-8")
    comments = _COMMENT.findall(sql)
    declared = [match for line in comments if (match := _DECLARATION.fullmatch(line))]
    return NamedQuery(
        name=name,
        description=" ".join(line for line in comments if not _DECLARATION.fullmatch(line)),
        parameters={match[1]: match[2] for match in declared},
        sql=sql,
    )
