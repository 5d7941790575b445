"""Processed files that the archiver has taken: they lie in the archive bucket, by the same keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from etl.catalog.access import Access
from etl.catalog.layers import Dates, list_files
from etl.catalog.stores import StoredFile
from etl.catalog.versions import choose_versions
from etl.keys import parse_s3_uri
from etl.model import Contract

Files = Mapping[date, Sequence[StoredFile]]


def with_archived(access: Access, contract: Contract, dates: Dates, found: Files) -> Files:
    """Add to each run date's files those of its newest version that are archived."""
    archived = _list(access, contract, dates)
    if not archived:
        return found
    known = _keys_of_newest(access, contract, archived)
    merged: dict[date, Sequence[StoredFile]] = dict(found)
    for day, files in archived.items():
        here = {_key(each) for each in found.get(day, ())}
        added = [
            each
            for each in files
            if _key(each) not in here and (day not in known or _key(each) in known[day])
        ]
        if added:
            merged[day] = [*found.get(day, ()), *added]
    return dict(sorted(merged.items()))


def where_archived(access: Access, contract: Contract, dates: Dates, named: Files) -> Files:
    """The files that versions name, where they are: in the archive if they are there."""
    archived = _list(access, contract, dates)
    if not archived:
        return named
    places = {(_key(each), each.size): each for files in archived.values() for each in files}
    return {
        day: [places.get((_key(each), each.size), each) for each in files]
        for day, files in named.items()
    }


def _list(access: Access, contract: Contract, dates: Dates) -> Files:
    """The archived files of each run date."""
    processed, bucket = contract.places.processed, access.settings.buckets.archive
    if bucket is None or not processed.startswith("s3://"):
        return {}
    _, key = parse_s3_uri(processed)
    place = f"s3://{bucket}/{key}"
    there = replace(contract, places=replace(contract.places, processed=place))
    return list_files(access.store(place), there, "processed", dates)


def _keys_of_newest(access: Access, contract: Contract, files: Files) -> dict[date, set[str]]:
    """What the newest version of each of these run dates consists of, where there is one."""
    days = Dates(min(files), max(files))
    names = [each for each in access.list_versions(contract, days) if each.run_date in files]
    newest = access.read_versions(contract, choose_versions(names))
    return {
        each.run_date: {_key(file) for file in each.layers["processed"].files}
        for each in newest
        if "processed" in each.layers
    }


def _key(file: StoredFile) -> str:
    return parse_s3_uri(file.uri)[1]
