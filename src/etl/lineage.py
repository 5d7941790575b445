"""What a run's steps make of what: the datasets' places as assets, source → raw → processed →
warehouse. Pure; Prefect is told by `etl.tasks`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from etl.model import Contract, Source
from etl.settings import Settings

# What Prefect takes in an asset's key: scheme://…, none of these characters, at most so many.
_REFUSED = re.compile(r"""[\s\0#?&%"'<>\[\]{}|\\^`]""")
_MOST_CHARACTERS = 512


@dataclass(frozen=True, kw_only=True)
class Asset:
    """Data at a place, whatever run brought it; the key is a URI."""

    key: str
    name: str
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a step makes, by which service, of what nobody here makes.

    Attributes:
        made_by: "" for the flow's own process.
        sources: What comes from elsewhere; what earlier steps made is known from the graph.
    """

    asset: Asset
    made_by: str = ""
    sources: tuple[Asset, ...] = ()


def raw_made(contract: Contract, settings: Settings) -> Made:
    """The extraction: raw of the source."""
    asset = Asset(
        key=_key(contract.places.raw),
        name=f"{contract.dataset} raw",
        description=f"{contract.dataset} as received from {contract.source.name}",
    )
    source = Asset(
        key=source_key(contract),
        name=f"{contract.dataset} source",
        description=f"{contract.source.name}, read by {contract.source.kind}",
    )
    return Made(asset=asset, sources=(source,))


def processed_made(contract: Contract, settings: Settings) -> Made:
    """The transformation: processed of raw."""
    asset = Asset(
        key=_key(contract.places.processed),
        name=f"{contract.dataset} processed",
        description=contract.description,
    )
    return Made(asset=asset, made_by="glue")


def warehouse_made(contract: Contract, settings: Settings) -> Made:
    """The load: the warehouse's table of processed."""
    warehouse, places = settings.warehouse, contract.places
    where = warehouse.workgroup_name or warehouse.cluster_identifier
    asset = Asset(
        key=_key(f"redshift://{where}/{warehouse.database}/{places.schema}/{places.table}"),
        name=f"{contract.dataset} table",
        description=contract.description,
    )
    return Made(asset=asset, made_by="redshift")


def source_key(contract: Contract) -> str:
    """A source as a URI without credentials, query and what depends on the run date."""
    source = contract.source
    if source.kind == "stream":
        return _key(f"stream://{source.name}/{contract.dataset}")
    return _key(_source_uri(source))


def _source_uri(source: Source) -> str:
    location = source.location.partition("{")[0]
    if "://" not in location:
        return f"file://{location}"
    parts = urlsplit(location)
    scheme = parts.scheme.partition("+")[0]  # of SQLAlchemy's postgresql+psycopg2
    uri = f"{scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    table = source.options.get("table")
    return f"{uri.rstrip('/')}/{table}" if table else uri


def _key(uri: str) -> str:
    return _REFUSED.sub("_", uri.rstrip("/"))[:_MOST_CHARACTERS]
