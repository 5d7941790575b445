"""Hold what a file says of its columns against the contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from etl.errors import SourceError
from etl.received import show_names
from etl.tidying import normalise_name

_FIX = "mend the file or the contract; the first line must name the columns, see also delimiter"


def check_header(
    header: Sequence[str], name: str, needed: Sequence[str], *, normalised: bool
) -> None:
    """A header must name every needed column, and none twice.

    Args:
        name: The file's name, for messages.

    Raises:
        SourceError: It does not; the message shows what differs.
    """
    if not header:
        raise SourceError(f"{name} is empty: it has no header line", fix=_FIX)
    found = [normalise_name(each) for each in header] if normalised else list(header)
    twice = [column for column, count in Counter(found).items() if count > 1]
    if twice:
        raise SourceError(f"{name}: the header has {show_names(twice)} more than once", fix=_FIX)
    missing = [column for column in needed if column not in found]
    if missing:
        raise SourceError(
            f"{name}: the header lacks {', '.join(missing)}\n"
            + "".join(f"    {each}\n" for each in _differences(header, needed, missing))
            + f"    expected {show_names(needed)}\n    found    {show_names(header)}",
            fix=_FIX,
        )


def check_width(header: Sequence[str], name: str, fields: Sequence[str]) -> None:
    """A header whose names do not count must have as many of them as the contract has fields.

    Raises:
        SourceError: It has more or fewer.
    """
    if len(header) != len(fields):
        raise SourceError(
            f"{name}: the header has {len(header)} columns, the contract {len(fields)}\n"
            f"    expected {show_names(fields)}\n    found    {show_names(header)}",
            fix=_FIX,
        )


def _differences(
    header: Sequence[str], needed: Sequence[str], missing: Sequence[str]
) -> Iterator[str]:
    """The missing columns that stand there in another spelling."""
    others = {normalise_name(each): each for each in header if each not in needed}
    for column in missing:
        if other := others.get(normalise_name(column)):
            yield f"~ {column} is sent as {show_names([other])}"
