"""What a deployment puts on S3 for functions to read."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from aws.clients import make_client
from etl import keys
from etl.contracts import datasets_of, load_contract
from etl.environment import enter
from etl.settings import Settings
from etl.storage import write_json

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def run(options: argparse.Namespace) -> None:
    """`python -m etl publish-contracts`."""
    for uri in publish_contracts(enter(options.env, assume_role=False)):
        print(uri)


def publish_contracts(settings: Settings, *, s3: S3Client | None = None) -> list[str]:
    """Compile every contract and put it where functions read it; the URIs.

    Args:
        s3: None for a client of the environment's.

    Raises:
        ContractError: A contract has problems; those before it have been put.
        StorageError: The artifacts bucket is missing or refuses access.
    """
    s3 = s3 or make_client("s3", settings.aws)
    written = []
    for dataset in datasets_of(settings):
        contract = load_contract(dataset, settings=settings)
        uri = keys.current_contract_uri(settings.buckets.artifacts, dataset)
        write_json(s3, uri, contract.to_json())
        written.append(uri)
    return written
