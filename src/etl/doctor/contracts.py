"""The contracts, and the secrets that they name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from aws.secretsmanager import secret_exists
from etl.contracts import CONTRACTS_FOLDER, list_datasets, load_contract
from etl.doctor.explain import one_line
from etl.doctor.findings import Check, Finding, Group, Result, fail, ok
from etl.doctor.patient import Patient
from etl.errors import ContractError
from etl.model import Contract
from etl.settings import Settings


def check_contracts(
    settings: Settings, *, folder: Path = CONTRACTS_FOLDER
) -> Iterator[tuple[Result, Contract | None]]:
    """Each contract's check, and the contract if it can be used."""
    names = list_datasets(folder) if settings.datasets is None else settings.datasets
    for dataset in names:
        name = f"contract {dataset}"
        try:
            contract = load_contract(dataset, settings=settings, folder=folder)
        except ContractError as error:
            fix = error.fix or f"mend config/contracts/{dataset}.odcs.yaml at the places named"
            yield Result(name, fail(one_line(error.message), fix)), None
        else:
            yield Result(name, ok(f"{contract.version}, {len(contract.columns)} columns")), contract


def secret_groups(patient: Patient, contracts: list[Contract]) -> list[Group]:
    """Whether the secrets are there; their values are not read."""
    named = {each.source.options.get("secret"): each.dataset for each in contracts}
    return [
        [Check(f"secret of {dataset}", partial(_has_secret, patient, name))]
        for name, dataset in named.items()
        if name
    ]


def _has_secret(patient: Patient, name: str) -> Finding:
    if secret_exists(patient.client("secretsmanager"), name=name):
        return ok(name)
    create = ("create-secret", "--name", name, "--secret-string", "file:///dev/stdin")
    return fail(f"there is no secret {name}", patient.command("secretsmanager", *create))
