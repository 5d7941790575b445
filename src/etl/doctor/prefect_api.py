"""Prefect's API, which the flows report to; asked without Prefect."""

from __future__ import annotations

import os

import httpx

from etl.doctor.findings import Check, Finding, Group, fail, ok

_TIMEOUT_SECONDS = 5
_OWN_SERVER = "prefect server start, or unset PREFECT_API_URL to use the built-in server"


def prefect_group() -> Group:
    """The server that PREFECT_API_URL names."""
    return [Check("Prefect", lambda: check_prefect(os.environ.get("PREFECT_API_URL", "")))]


def check_prefect(url: str) -> Finding:
    """Whether a Prefect server answers.

    Args:
        url: Of its API, "" for none.
    """
    if not url:
        return ok("PREFECT_API_URL is not set: a run starts the built-in server")
    try:
        answer = httpx.get(
            f"{url.rstrip('/')}/health", headers=_authorization(), timeout=_TIMEOUT_SECONDS
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return fail(f"{url} does not answer: {error}", _OWN_SERVER)
    if answer.status_code in (401, 403):
        return fail(f"{url} refuses the key ({answer.status_code})", "prefect cloud login")
    if not answer.is_success:
        return fail(f"{url} answers {answer.status_code}: is it Prefect's API?", _OWN_SERVER)
    return ok(url)


def _authorization() -> dict[str, str]:
    key = os.environ.get("PREFECT_API_KEY")
    return {"Authorization": f"Bearer {key}"} if key else {}
