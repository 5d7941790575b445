"""Cost estimates, checked by hand against the price list's definitions."""

from __future__ import annotations

from datetime import date

import pytest

from etl.costs import Prices, load_prices

PRICES = Prices(
    as_of=date(2026, 1, 1),
    s3_put_per_1000=5,
    s3_get_per_1000=1,
    glue_dpu_hour=1,
    glue_minimum_seconds=60,
    lambda_gb_second=2,
    lambda_per_million_requests=1_000_000,
    redshift_serverless_rpu_hour=1,
    redshift_serverless_base_rpus=8,
    redshift_minimum_seconds=60,
    athena_tb_scanned=5,
    athena_minimum_bytes=10_000_000,
)


def test_load_prices_reads_a_dated_list() -> None:
    assert load_prices().as_of >= date(2026, 1, 1)


def test_glue_bills_dpus_by_worker_type_and_one_minute_at_least() -> None:
    assert PRICES.glue(seconds=3600, worker_type="G.2X", workers=3) == pytest.approx(6)
    assert PRICES.glue(seconds=1, worker_type="G.1X", workers=2) == pytest.approx(2 / 60)


def test_lambda_bills_memory_times_seconds_and_the_request() -> None:
    assert PRICES.lambda_(seconds=3, memory_mb=512) == pytest.approx(3 * 0.5 * 2 + 1)


def test_redshift_bills_base_capacity_and_one_minute_at_least() -> None:
    assert PRICES.redshift(seconds=1800) == pytest.approx(4)
    assert PRICES.redshift(seconds=1) == pytest.approx(8 / 60)


def test_athena_bills_ten_megabytes_at_least() -> None:
    assert PRICES.athena(bytes_scanned=10**12) == pytest.approx(5)
    assert PRICES.athena(bytes_scanned=1) == pytest.approx(5e-5)


def test_s3_bills_requests() -> None:
    assert PRICES.s3(puts=2000, gets=1000) == pytest.approx(11)
