"""How the catalogue reaches an environment: its contracts, its stores, its warehouse."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from aws.clients import make_client
from etl.catalog.layers import Dates, with_absolute_folders
from etl.catalog.stores import FolderStore, S3Store, Store
from etl.catalog.versions import (
    Version,
    VersionName,
    list_versions,
    read_versions,
    versions_prefix,
)
from etl.contracts import datasets_of, load_contract
from etl.model import Contract
from etl.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Access:
    """One environment."""

    def __init__(self, settings: Settings, contracts: Path) -> None:
        self.settings = settings
        self._contracts = contracts

    @property
    def artifacts_bucket(self) -> str:
        """Where the records of versions lie."""
        return self.settings.buckets.artifacts

    @cached_property
    def s3(self) -> S3Client:
        """The environment's own client."""
        client: S3Client = make_client("s3", self.settings.aws)
        return client

    def datasets(self) -> list[str]:
        """The names of the datasets."""
        return datasets_of(self.settings, folder=self._contracts)

    def contract(self, dataset: str) -> Contract:
        """A dataset's contract; folders among its places are absolute."""
        found = load_contract(dataset, settings=self.settings, folder=self._contracts)
        return with_absolute_folders(found)

    def store(self, place: str) -> Store:
        """What reads and writes at a place."""
        return S3Store(self.s3) if place.startswith("s3://") else FolderStore()

    def list_versions(self, contract: Contract, dates: Dates) -> list[VersionName]:
        """The versions' names: nothing is read."""
        prefix = versions_prefix(contract, self.artifacts_bucket)
        return list_versions(self.store(prefix), prefix, dates)

    def read_versions(self, contract: Contract, names: list[VersionName]) -> list[Version]:
        """The records of the versions that are named."""
        prefix = versions_prefix(contract, self.artifacts_bucket)
        return read_versions(self.store(prefix), names)
