"""What the steps of a run share."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from support.contracts import make_contract

from aws.clients import AwsConfig
from etl.run import Run
from etl.settings import load_settings


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, float | None]]:
    """The clients that are made: service, region and read timeout."""
    made: list[tuple[str, str, float | None]] = []

    def make(
        service: str, config: AwsConfig, *, read_timeout_seconds: float | None = None
    ) -> object:
        made.append((service, config.region, read_timeout_seconds))
        return object()

    monkeypatch.setattr("etl.run.make_client", make)
    return made


def test_client_is_made_once_for_each_use(made: list[tuple[str, str, float | None]]) -> None:
    settings = load_settings("local")
    run = Run(run_id="r1", run_date=date(2026, 1, 1), contract=make_contract(), settings=settings)

    assert run.client("s3") is run.client("s3")
    assert run.client("glue") is not run.client("s3")
    assert run.client("s3", region="eu-north-1") is not run.client("s3")
    assert run.client("s3", read_timeout_seconds=7) is run.client("s3", read_timeout_seconds=7)
    region = settings.aws.region
    assert made == [
        ("s3", region, None),
        ("glue", region, None),
        ("s3", "eu-north-1", None),
        ("s3", region, 7),
    ]


def test_run_with_other_settings_has_clients_of_its_own(
    made: list[tuple[str, str, float | None]],
) -> None:
    settings = load_settings("local")
    run = Run(run_id="r1", run_date=date(2026, 1, 1), contract=make_contract(), settings=settings)
    run.client("s3")
    elsewhere = settings.model_copy(update={"region": "eu-north-1"})

    replace(run, settings=elsewhere).client("s3")

    assert [region for _, region, _ in made] == [settings.aws.region, "eu-north-1"]
