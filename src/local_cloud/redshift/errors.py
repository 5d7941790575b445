"""What a statement is refused with, in the words and codes of Redshift."""

from __future__ import annotations

from dataclasses import dataclass

SYNTAX_ERROR = "42601"
FEATURE_NOT_SUPPORTED = "0A000"
UNDEFINED_FUNCTION = "42883"
INTERNAL_ERROR = "XX000"


@dataclass(eq=False)
class SqlError(Exception):
    """A statement is refused; the transaction it stands in is lost.

    Attributes:
        code: SQLSTATE.
    """

    message: str
    code: str = INTERNAL_ERROR
    detail: str = ""
    hint: str = ""

    def __str__(self) -> str:
        return self.message


def syntax_error(near: str) -> SqlError:
    """What Redshift says of syntax that it does not know."""
    return SqlError(f'syntax error at or near "{near}"', SYNTAX_ERROR)


def not_embedded(what: str) -> SqlError:
    """Redshift would do it, the embedded cloud does not."""
    return SqlError(
        f"the embedded Redshift does not run {what}",
        FEATURE_NOT_SUPPORTED,
        hint="src/local_cloud/README.md says what it runs.",
    )


def load_failure(
    message: str, *, code: int, context: str = "", location: str = "s3_utility.cpp:654"
) -> SqlError:
    """An error of COPY or UNLOAD, with the block of details that Redshift adds."""
    rule = "-" * 47
    detail = (
        f"\n  {rule}\n  error:  {message}\n  code:      {code}\n  context:   {context}\n"
        f"  query:     0\n  location:  {location}\n  process:   padbmaster [pid=1]\n  {rule}\n"
    )
    return SqlError(message, INTERNAL_ERROR, detail)
