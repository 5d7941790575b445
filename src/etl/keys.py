"""Where a run's objects lie on S3. Pure: names in, names out.

Every place is an s3:// URI; a prefix ends in "/". A run is (dataset, run date), so a run's places
depend on nothing else, and running it again writes to the same ones.
"""

from __future__ import annotations

import hashlib
import re
from datetime import date

from etl.model import Contract
from etl.partitioning import strategy_of

MANIFEST_NAME = "_manifest.json"
_PART_NAME = re.compile(r"(part|source)-[0-9a-f]{5,}(-\d{5,})?(\.[a-z0-9]+)+")


def parse_s3_uri(uri: str) -> tuple[str, str]:
    """Split s3://bucket/key into bucket and key; the key may be empty.

    Raises:
        ValueError: It is not an s3:// URI with a bucket.
    """
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme not in ("s3", "s3a") or not bucket:
        raise ValueError(f"not an s3:// URI with a bucket: {uri!r}")
    return bucket, key


def raw_prefix(contract: Contract, run_date: date) -> str:
    """Where the extraction lies, by default e.g. s3://b/raw/shop/orders/2026/01/31/."""
    return contract.places.raw + strategy_of(contract).prefix(run_date)


def part_name(index: int) -> str:
    """The name of an extraction's nth object, without the format's suffix, e.g. part-00000."""
    return f"part-{index:05d}"


def source_part_name(uri: str) -> str:
    """The same for an object that holds what one of the source's objects does.

    It depends on nothing else, so that the object stays as it is when the source gets others.
    """
    return f"source-{hashlib.sha256(uri.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"


def is_part_name(name: str) -> bool:
    """Whether an extraction's writer could have made this file name."""
    return _PART_NAME.fullmatch(name) is not None


def dead_letters_prefix(contract: Contract, run_date: date) -> str:
    """Where the records lie that the raw format refused, e.g. s3://b/errors/orders/2026/01/31/."""
    bucket, _ = parse_s3_uri(contract.places.raw)
    year, month, day = run_date.isoformat().split("-")
    return f"s3://{bucket}/errors/{contract.dataset}/{year}/{month}/{day}/"


def manifest_uri(contract: Contract, run_date: date) -> str:
    """The extraction's manifest; without it the extraction does not exist."""
    return raw_prefix(contract, run_date) + MANIFEST_NAME


def processed_uri(contract: Contract, run_date: date) -> str:
    """The prefix of the run's valid rows, e.g. s3://b/processed/sales/orders/ingest_date=…/."""
    return contract.partition_uri(contract.places.processed, run_date)


def quarantine_uri(contract: Contract, run_date: date) -> str:
    """The prefix of the run's rejected rows."""
    return contract.partition_uri(contract.places.quarantine, run_date)


def contract_uri(artifacts_bucket: str, contract: Contract) -> str:
    """Where the compiled contract lies; another contract text gets another URI."""
    name = f"{contract.version}-{contract.fingerprint}.json"
    return f"s3://{artifacts_bucket}/contracts/{contract.dataset}/{name}"


def current_contract_uri(artifacts_bucket: str, dataset: str) -> str:
    """Where the compiled contract lies that functions go by; a deployment writes it."""
    return f"s3://{artifacts_bucket}/contracts/current/{dataset}.json"


def runs_prefix(artifacts_bucket: str, dataset: str) -> str:
    """The prefix of the files of all runs of a dataset."""
    return f"s3://{artifacts_bucket}/runs/{dataset}/"


def run_uri(artifacts_bucket: str, dataset: str, run_date: date, name: str) -> str:
    """A file that belongs to a run, e.g. name="metrics.json"."""
    return f"{runs_prefix(artifacts_bucket, dataset)}{run_date.isoformat()}/{name}"
