"""The warehouse: its tables derived from contracts, loads in one transaction, the ledger."""
