"""Contracts: config/contracts/*.odcs.yaml as `etl.model.Contract`."""

from etl.contracts.load import (
    CONTRACTS_FOLDER,
    datasets_of,
    find_contract,
    list_datasets,
    load_contract,
)

__all__ = ["CONTRACTS_FOLDER", "datasets_of", "find_contract", "list_datasets", "load_contract"]
