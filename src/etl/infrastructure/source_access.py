"""What the sources of the contracts ask of the roles that read them: objects, secrets, roles."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields

from etl.keys import parse_s3_uri
from etl.model import Contract
from etl.settings import Settings
from etl.sources.files.completed import completed_folder
from etl.sources.files.locations import before_pattern
from etl.sources.files.options import read_file_options

_RUN_DATE = re.compile(r"\{run_date[^}]*\}")


@dataclass
class SourceAccess:
    """ARNs, and prefixes of keys, with `*` where names are not known beforehand.

    Attributes:
        source_objects: Files to read.
        source_buckets, source_prefixes: Folders to list.
        taken_objects: Files to delete once their records are loaded.
        completed_objects: Where files are moved.
        stream_objects: Where the records of streams lie.
        secret_arns: Secrets that contracts name.
        source_role_arns: Roles of other accounts to take on.
    """

    source_objects: list[str] = field(default_factory=list)
    source_buckets: list[str] = field(default_factory=list)
    source_prefixes: list[str] = field(default_factory=list)
    taken_objects: list[str] = field(default_factory=list)
    completed_objects: list[str] = field(default_factory=list)
    stream_objects: list[str] = field(default_factory=list)
    secret_arns: list[str] = field(default_factory=list)
    source_role_arns: list[str] = field(default_factory=list)

    def to_variables(self) -> dict[str, list[str]]:
        """By name, each sorted and without repetition."""
        return {each.name: sorted(set(getattr(self, each.name))) for each in fields(self)}


def read_source_access(
    contracts: Iterable[Contract],
    settings: Settings,
    secret_arn: Callable[[str], str],
    partition: str,
) -> SourceAccess:
    """What all contracts together ask for.

    Args:
        secret_arn: From a secret's name to its ARN.
    """
    found, s3 = SourceAccess(), f"arn:{partition}:s3:::"
    for contract in contracts:
        if contract.source.kind == "stream":
            found.stream_objects.append(f"{s3}{contract.places.raw.removeprefix('s3://')}*")
        if secret := contract.source.options.get("secret"):
            found.secret_arns.append(secret_arn(secret))
        if contract.source.kind == "file" and contract.source.location.startswith("s3://"):
            _add_files(found, contract, s3)
    return found


def _add_files(found: SourceAccess, contract: Contract, s3: str) -> None:
    options, location = read_file_options(contract), contract.source.location
    if options.role_arn:
        found.source_role_arns.append(options.role_arn)
        return  # what lies there is that role's to read
    bucket, key = parse_s3_uri(_RUN_DATE.sub("*", location))
    folder, place = before_pattern(key), f"{s3}{bucket}"
    objects = [f"{place}/{each}" for each in _object_keys(key)]
    found.source_objects += objects
    found.source_buckets.append(place)
    found.source_prefixes += _listed_keys(key)
    if options.after_load != "keep":
        found.taken_objects += objects
    if target := completed_folder(f"s3://{bucket}/{folder}", options):
        found.completed_objects.append(s3 + target.removeprefix("s3://") + "*")


def _object_keys(key: str) -> list[str]:
    """The keys of the files that a location may mean, see `find_files`."""
    if _is_folder(key):
        return [f"{before_pattern(key)}*"]
    return [key] if "." in key.rpartition("/")[2] else [key, f"{key}/*"]


def _listed_keys(key: str) -> list[str]:
    """What is listed to find them; of one file, what might be a folder of that name."""
    return [f"{before_pattern(key)}*" if _is_folder(key) else f"{key}/*"]


def _is_folder(key: str) -> bool:
    return glob.has_magic(key) or not key or key.endswith("/")
