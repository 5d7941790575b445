"""Any dataset of an environment, in any layer, by its name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from etl.catalog.access import Access
from etl.catalog.layers import Dates, Layer, RunDates, check_layer
from etl.catalog.overview import LayerOverview, overview
from etl.catalog.reading import layer_schema, open_dataset, open_scanner
from etl.catalog.saving import save_table
from etl.catalog.selection import Selection
from etl.catalog.versions import Version
from etl.contracts import CONTRACTS_FOLDER
from etl.settings import Settings


class Catalog:
    """The datasets of one environment. Failures are `etl.errors`, and say what to do.

    Args:
        contracts: The folder of the contracts.
    """

    def __init__(self, settings: Settings, *, contracts: Path = CONTRACTS_FOLDER) -> None:
        self._access = Access(settings, contracts)

    def datasets(self) -> list[str]:
        """The names of the datasets."""
        return self._access.datasets()

    def schema(self, dataset: str, *, layer: Layer = "processed") -> pa.Schema:
        """The columns that `load` gives and, for processed, `save` takes."""
        return layer_schema(self._access.contract(dataset), layer)

    def load(
        self,
        dataset: str,
        *,
        layer: Layer = "processed",
        run_date: RunDates = None,
        run_id: str | None = None,
        as_of: datetime | None = None,
        columns: Sequence[str] | None = None,
        filter: pc.Expression | None = None,
    ) -> pa.Table:
        """A dataset's rows, in memory.

        Args:
            run_date: One, the first and the last of several, or None for all.
            run_id: Give what this run left, not what is there now.
            as_of: Give what was there at this time, with its zone.
            columns: Those to read; None for all.
            filter: Which rows, e.g. pyarrow.compute.field("status") == "paid"; of processed data,
                only files that can hold such rows are read.
        """
        contract, selection = self._access.contract(dataset), Selection.of(run_date, run_id, as_of)
        return open_scanner(
            self._access, contract, layer, selection, columns=columns, filter=filter
        ).to_table()

    def load_batches(
        self,
        dataset: str,
        *,
        layer: Layer = "processed",
        run_date: RunDates = None,
        run_id: str | None = None,
        as_of: datetime | None = None,
        columns: Sequence[str] | None = None,
        filter: pc.Expression | None = None,
    ) -> pa.RecordBatchReader:
        """As `load`, batch by batch: for more than fits in memory.

        The warehouse's rows come by run dates: one is held at a time.
        """
        contract, selection = self._access.contract(dataset), Selection.of(run_date, run_id, as_of)
        return open_scanner(
            self._access, contract, layer, selection, columns=columns, filter=filter
        ).to_reader()

    def scan(
        self,
        dataset: str,
        *,
        run_date: RunDates = None,
        run_id: str | None = None,
        as_of: datetime | None = None,
    ) -> ds.Dataset:
        """The processed layer as an Arrow dataset; what reads those (DuckDB, Polars) reads it."""
        contract = self._access.contract(dataset)
        check_layer(contract, "processed")
        return open_dataset(self._access, contract, Selection.of(run_date, run_id, as_of))

    def save(
        self, table: Any, dataset: str, *, run_date: date, layer: Layer = "processed"
    ) -> Version:
        """Put a table in place of a run date's files, as a run would.

        Processed data must have the contract's columns in its types: nothing is cast. Raw data
        become JSON lines. New files are written before old ones go: a process that dies in between
        leaves both, and saving again mends that.

        Args:
            table: A pyarrow.Table, or what gives one (Polars and pandas data frames).

        Raises:
            UsageError: The table is not what the contract says, or the layer is not saved to.
        """
        arrow = table if isinstance(table, pa.Table) else pa.table(table)
        return save_table(self._access, self._access.contract(dataset), arrow, run_date, layer)

    def versions(self, dataset: str, *, run_date: RunDates = None) -> list[Version]:
        """What each run left, by run date, and of each date the newest last."""
        contract = self._access.contract(dataset)
        names = self._access.list_versions(contract, Dates.of(run_date))
        return self._access.read_versions(contract, names)

    def overview(self, dataset: str | None = None) -> list[LayerOverview]:
        """What each layer of a dataset, or of all, holds; no data are read."""
        names = [dataset] if dataset else self.datasets()
        return overview(self._access, [self._access.contract(name) for name in names])
