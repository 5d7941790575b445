"""Parquet files as an Arrow dataset, opened one by one as it is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import reduce
from operator import and_
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow.fs import FileSystemHandler, PyFileSystem

from etl import hive
from etl.catalog.stores import Store, StoredFile
from etl.errors import StorageError
from etl.model import Contract
from etl.validation.arrow_schema import arrow_schema


def catalog_schema(contract: Contract) -> pa.Schema:
    """The columns of the processed and warehouse layers: the contract's, then the run date."""
    return arrow_schema(contract).append(pa.field(contract.partition, pa.date32()))


def processed_dataset(
    store: Store, contract: Contract, files: Mapping[date, Sequence[StoredFile]]
) -> ds.Dataset:
    """The files as one dataset; columns that stand in keys are known without opening a file.

    Raises:
        StorageError: A file does not lie where the contract's partition columns want it.
    """
    constants = {
        file: {contract.partition: run_date} | _constants(contract, file)
        for run_date, found in files.items()
        for file in found
    }
    return parquet_dataset(store, catalog_schema(contract), constants)


def parquet_dataset(
    store: Store, schema: pa.Schema, files: Mapping[StoredFile, Mapping[str, Any]]
) -> ds.Dataset:
    """Files as one dataset.

    Args:
        files: Each with the values that all of its rows have in columns that it does not hold.
    """
    file_format = ds.ParquetFileFormat()
    filesystem = PyFileSystem(_StoreHandler(store, files))
    fragments = [
        file_format.make_fragment(
            file.uri,
            filesystem,
            partition_expression=_all_equal(schema, constants),
            file_size=file.size,
        )
        for file, constants in files.items()
    ]
    return ds.FileSystemDataset(fragments, schema, file_format, filesystem)


def _constants(contract: Contract, file: StoredFile) -> dict[str, Any]:
    try:
        return hive.values_in(contract, file.uri)
    except ValueError as error:
        raise StorageError(
            f"{file.uri} {error}, as the contract {contract.dataset} has it",
            fix="run the date again: it was written by another version of the contract",
        ) from error


def _all_equal(schema: pa.Schema, constants: Mapping[str, Any]) -> pc.Expression:
    conditions = [
        (
            pc.field(name).is_null()
            if value is None
            else pc.field(name) == pa.scalar(value, schema.field(name).type)
        )
        for name, value in constants.items()
    ]
    return reduce(and_, conditions)


class _StoreHandler(FileSystemHandler):  # type: ignore[misc]
    """The files of one dataset, to be read only."""

    def __init__(self, store: Store, files: Iterable[StoredFile]) -> None:
        self._store = store
        self._files = {file.uri: file for file in files}

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    def get_type_name(self) -> str:
        return "etl.catalog"

    def normalize_path(self, path: str) -> str:
        return path

    def open_input_file(self, path: str) -> pa.NativeFile:
        return pa.PythonFile(self._store.open(self._files[path]), mode="r")

    def _refuse(self, *_arguments: Any) -> Any:
        raise NotImplementedError("the catalogue's files are only read, by name")

    get_file_info = get_file_info_selector = open_input_stream = _refuse
    create_dir = delete_dir = delete_dir_contents = delete_root_dir_contents = _refuse
    delete_file = move = copy_file = open_output_stream = open_append_stream = _refuse
