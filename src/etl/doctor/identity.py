"""Where AWS is called, and by whom."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from aws.clients import known_regions
from aws.sts import Identity, get_caller_identity
from etl.doctor.findings import Check, Finding, Group, fail, ok
from etl.doctor.patient import Patient


def identity_group(patient: Patient, found: Callable[[Identity], None]) -> Group:
    """The region and the credentials.

    Args:
        found: Called with the identity, if there is one.
    """
    return [
        Check("region", lambda: _is_region(patient)),
        Check("credentials", lambda: _identify(patient, found)),
    ]


def _is_region(patient: Patient) -> Finding:
    region, known = patient.settings.region, known_regions()
    if region in known:
        return ok(region)
    close = difflib.get_close_matches(region, known, n=1)
    return fail(
        f'"{region}" is no region of AWS' + (f', did you mean "{close[0]}"?' if close else ""),
        f"set region: in config/{patient.settings.environment}.yml",
    )


def _identify(patient: Patient, found: Callable[[Identity], None]) -> Finding:
    client = patient.client("sts")
    identity = get_caller_identity(client)
    found(identity)
    return ok(f"account {identity.account}, {identity.arn}, at {client.meta.endpoint_url}")
