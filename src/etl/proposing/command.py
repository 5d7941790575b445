"""`python -m etl propose`: a contract from a sample, and the sample where the pipeline finds it."""

from __future__ import annotations

import argparse
import os
import shlex
from dataclasses import replace
from pathlib import Path

from aws.clients import make_client
from etl.contracts import CONTRACTS_FOLDER, list_datasets
from etl.contracts.names import name_fault
from etl.environment import enter
from etl.errors import SourceError, UsageError
from etl.proposing.csv_sample import CsvHints
from etl.proposing.document import landing_prefix
from etl.proposing.proposal import Proposal, propose
from etl.proposing.sample import read_sample
from etl.proposing.schedule import add_deployment
from etl.proposing.show import show
from etl.root import ROOT
from etl.settings import Settings, load_settings
from etl.storage import explain_storage_errors

DEPLOYMENTS = ROOT / "prefect.yaml"
MOST_ROWS = 100_000


def run(options: argparse.Namespace) -> None:
    """Propose, show, put the sample, write the contract: in this order."""
    _check_name(options.name, "NAME", "invoices")
    _check_name(options.domain, "DOMAIN", "sales")
    path = CONTRACTS_FOLDER / f"{options.name}.odcs.yaml"
    if options.name in list_datasets(CONTRACTS_FOLDER) and not options.force:
        raise UsageError(
            f"{_shown(path)} is there already", fix="choose another NAME, or add FORCE=1"
        )
    if not options.file:
        raise UsageError("there is no sample", fix="name a file: FROM=sample.csv")
    settings = load_settings(options.env)
    proposal = _propose(options, settings.model_copy(update={"datasets": None}))
    print(show(proposal))
    if not proposal.trial.good:
        raise SourceError("no row of the sample would be loaded", fix="see the reasons above")
    uri = put_sample(proposal, options.name, enter(options.env))
    _write_whole(path, proposal.text)
    print(f"\nwrote  {_shown(path)}")
    if add_deployment(DEPLOYMENTS, options.name):
        print(f"       {_shown(DEPLOYMENTS)}: its deployment, every night")
    print(f"put    {shlex.quote(options.file)} at {uri}")
    print("       every run reads all files there; rows replace those of the same key")
    if options.name not in (settings.datasets or [options.name]):
        print(f"now:   add {options.name} to datasets: in config/{options.env}.yml")
    environment = "" if options.env == "local" else f" ENV={options.env}"
    print(f"next:  make run DATASET={options.name}{environment}")


def _check_name(name: str, what: str, example: str) -> None:
    if fault := name_fault(name):
        raise UsageError(f"{what}: {fault}", fix=f"write for example {what}={example}")


def _propose(options: argparse.Namespace, settings: Settings) -> Proposal:
    header = None if options.header is None else options.header == "yes"
    hints = CsvHints(encoding=options.encoding, delimiter=options.delimiter, header=header)
    return propose(
        read_sample(Path(options.file), hints=hints, most_rows=MOST_ROWS),
        dataset=options.name,
        domain=options.domain,
        key=[each.strip() for each in options.key.split(",") if each.strip()],
        with_rules=not options.no_rules,
        settings=settings,
        most_rows=MOST_ROWS,
    )


def put_sample(proposal: Proposal, dataset: str, settings: Settings) -> str:
    """Put the sample where the dataset's runs read; its URI.

    The person who proposes does so, with her own credentials.
    """
    bucket = settings.buckets.raw
    key = f"{landing_prefix(dataset)}{dataset}{proposal.sample.suffix}"
    uri = f"s3://{bucket}/{key}"
    s3 = make_client("s3", replace(settings.aws, role_arn=None))
    with explain_storage_errors(uri):
        s3.upload_file(str(proposal.sample.path), bucket, key)
    return uri


def _write_whole(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _shown(path: Path) -> str:
    return os.path.relpath(path)
