"""What can go wrong between a caller and Redshift, the same by connection and by Data API."""

from __future__ import annotations

import re
from typing import Literal

# Redshift reports a serialisation failure as XX000 with the message 1023, PostgreSQL as 40001.
_CONFLICT = re.compile(
    r"\A\s*(?:ERROR:\s*)?1023(?!\S)|serializable isolation violation"
    r"|conflict with concurrent transaction"
    r"|could not serialize|deadlock detected",
    re.IGNORECASE,
)
_CONFLICT_STATES = frozenset({"40001", "40P01"})

ConnectProblem = Literal["unreachable", "password", "database", "certificate", "other"]


class RedshiftError(Exception):
    """Redshift could not do what was asked."""


class ConnectError(RedshiftError):
    """No connection could be made; `problem` says what stood in the way."""

    def __init__(self, message: str, *, problem: ConnectProblem) -> None:
        super().__init__(message)
        self.problem = problem


class ConnectionLostError(RedshiftError):
    """The connection ended while a statement ran; whether it took effect is unknown."""


class DeadlineError(RedshiftError, TimeoutError):
    """A statement did not end in time and was cancelled."""


class StatementError(RedshiftError):
    """Redshift refused a statement, and with it the transaction it stood in.

    Attributes:
        message: Redshift's own words.
        index: The statement's place in its transaction, from 0; -1 for the COMMIT.
    """

    def __init__(self, message: str, *, index: int = 0, sqlstate: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.index = index
        self.sqlstate = sqlstate

    @property
    def is_conflict(self) -> bool:
        """Whether another transaction was in the way, so that the same one may pass later."""
        return self.sqlstate in _CONFLICT_STATES or _CONFLICT.search(self.message) is not None
