"""Every run date's account: where its records went, held against what is there."""

from etl.ledger.account import Account, Line
from etl.ledger.read import read_account

__all__ = ["Account", "Line", "read_account"]
