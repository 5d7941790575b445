"""Runs of a Prefect deployment, by Prefect's REST API: the function's archive has no packages."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

from etl.ingest.window import Window

_TIMEOUT_SECONDS = 4


class Deployment:
    """A deployment of flows/full_pipeline.py."""

    def __init__(
        self, *, api_url: str, name: str, environment: str, read_key: Callable[[], str]
    ) -> None:
        """Ask nothing yet.

        Args:
            api_url: Where Prefect's API is, e.g. https://prefect.example.com/api.
            name: <flow>/<deployment>.
            environment: The flow's parameter `env`.
            read_key: Gives the API key; "" where the API wants none.
        """
        self._api_url = api_url.rstrip("/")
        self._name = name
        self._environment = environment
        self._read_key = read_key
        self._access: tuple[str, str] | None = None  # API key, deployment's id

    def start(self, window: Window) -> None:
        """Schedule the window's flow run, unless it is.

        Raises:
            OSError, SecretError: Prefect refuses or cannot be reached; the key cannot be read.
        """
        key, found = self._access or self._find()
        try:
            self._send(
                key, f"/deployments/{found}/create_flow_run", _flow_run(window, self._environment)
            )
        except OSError:
            self._access = None  # the key may have changed, or the deployment been made again
            raise
        self._access = key, found

    def _find(self) -> tuple[str, str]:
        key = self._read_key()
        found = self._send(key, f"/deployments/name/{quote(self._name)}")
        return key, str(found["id"])

    def _send(self, key: str, path: str, content: Any = None) -> Any:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        body = None if content is None else json.dumps(content).encode()
        # Settings let only http and https through.
        request = Request(self._api_url + path, data=body, headers=headers)
        if key:
            request.add_unredirected_header("Authorization", f"Bearer {key}")
        with urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
            return json.load(answer)


def _flow_run(window: Window, environment: str) -> dict[str, Any]:
    """The body of create_flow_run; Prefect takes an idempotency key once for each flow."""
    return {
        "name": window.name,
        "idempotency_key": window.name,
        "parameters": {
            "dataset": window.dataset,
            "run_date": window.run_date.isoformat(),
            "env": environment,
        },
        "state": {
            "type": "SCHEDULED",
            "state_details": {"scheduled_time": window.starts_at.isoformat()},
        },
    }
