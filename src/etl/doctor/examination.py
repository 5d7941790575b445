"""Examine an environment: everything that a run needs, asked at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from aws.sts import Identity
from etl.doctor.buckets import bucket_groups
from etl.doctor.contracts import check_contracts, secret_groups
from etl.doctor.explain import explain, one_line
from etl.doctor.findings import Check, Finding, Group, Result, fail, ok, warn
from etl.doctor.glue_job import GlueJob
from etl.doctor.identity import identity_group
from etl.doctor.patient import Patient
from etl.doctor.prefect_api import prefect_group
from etl.doctor.queries import query_groups
from etl.doctor.validator import Validator
from etl.doctor.warehouse import warehouse_groups
from etl.environment import enter
from etl.errors import EtlError
from etl.model import Contract
from etl.settings import Settings

# A serverless warehouse that has paused takes its time to answer.
_DEADLINE_SECONDS = 60.0


def examine(environment: str) -> Iterator[Result]:
    """What each check of the environment finds, in about a minute at most, whatever hangs."""
    try:
        settings = enter(environment, assume_role=False)
    except EtlError as error:
        yield Result("settings", fail(one_line(error.message), one_line(error.fix)))
        return
    yield Result("settings", ok(f"config/{environment}.yml"))
    loaded = list(check_contracts(settings))
    yield from _examine_aws(settings, [contract for _, contract in loaded if contract])
    yield from (result for result, _ in loaded)
    yield from ask([prefect_group()], Patient(settings=settings))


def ask(
    groups: Sequence[Group], patient: Patient, *, deadline_seconds: float = _DEADLINE_SECONDS
) -> Iterator[Result]:
    """The results of all groups, asked at once and given in order.

    A check that has not ended at the deadline fails; its thread ends with the process.
    """
    asked = [_Asked(group, patient) for group in groups]
    ends = time.monotonic() + deadline_seconds
    for each in asked:
        each.join(max(0, ends - time.monotonic()))
        is_late = each.is_alive()  # asked first: what has ended has all of its results
        results = tuple(each.results)
        yield from results
        if is_late and len(results) < len(each.group):
            late = fail(
                f"no answer after {deadline_seconds:g} seconds",
                "check the network, the VPN and security groups, and ask again",
            )
            yield Result(each.group[len(results)].name, late)


class _Asked(threading.Thread):
    """A group's checks, one after the other."""

    def __init__(self, group: Group, patient: Patient) -> None:
        super().__init__(daemon=True)
        self.group = group
        self.results: list[Result] = []
        self._patient = patient
        self.start()

    def run(self) -> None:
        for check in self.group:
            finding = self._look(check)
            self.results.append(Result(check.name, finding))
            if finding.state == "FAIL" and len(self.results) == 1:
                return

    def _look(self, check: Check) -> Finding:
        try:
            return check.look()
        except Exception as error:
            return explain(error, self._patient)


def _examine_aws(settings: Settings, contracts: list[Contract]) -> Iterator[Result]:
    patient = Patient(settings=settings)
    identities: list[Identity] = []
    yield from ask([identity_group(patient, identities.append)], patient)
    if not identities:
        yield Result("AWS", warn("not looked at", "mend what stands above first"))
        return
    patient = replace(patient, identity=identities[0])
    groups = [
        *bucket_groups(patient),
        GlueJob(patient).checks,
        Validator(patient).checks,
        *warehouse_groups(patient),
        *query_groups(patient),
        *secret_groups(patient, contracts),
    ]
    yield from ask(groups, patient)
