"""Choose the source that a contract names."""

from __future__ import annotations

from etl.errors import ContractError
from etl.model import Contract
from etl.sources.records import OpenSource, SourceContext


def open_source(contract: Contract, context: SourceContext) -> OpenSource:
    """A run date's records, in the source's order.

    A record is what the source sent, byte for byte, with three exceptions that
    `etl.sources.lines` describes. Reading is lazy, and memory bounded, whatever the source's size.

    Raises:
        ContractError: The source's location or options make no sense.
        SourceError: The source cannot be read; may come while iterating.
    """
    # Each kind brings a library of its own, which takes its time: only the one needed is loaded.
    match contract.source.kind:
        case "api":
            from etl.sources.api import open_api

            return open_api(contract, context)
        case "file":
            from etl.sources.files.open import open_files

            return open_files(contract, context)
        case "sql":
            from etl.sources.sql import open_sql

            return open_sql(contract, context)
    raise ContractError(
        f"contract {contract.dataset}: a source of kind {contract.source.kind} is not opened",
        fix="run flows/stream_to_s3.py, which fills it",
    )
