"""terraform/policies: what each role may do, rendered for an environment."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etl.contracts import list_datasets, load_contract
from etl.errors import SettingsError
from etl.infrastructure.policies import policy_variables, render_policies, render_policy
from etl.infrastructure.roles import role_names, roles, trust_policy
from etl.model import Contract
from etl.settings import Settings, load_settings

ACCOUNT = "123456789012"
INLINE_LIMIT = 10_240  # characters of all inline policies of a role (IAM quotas)


@pytest.fixture(scope="module")
def contracts() -> Callable[[Settings], list[Contract]]:
    """Compiles the contracts of an environment once."""
    kept: dict[str, list[Contract]] = {}

    def load(settings: Settings) -> list[Contract]:
        name = settings.environment
        if name not in kept:
            kept[name] = [load_contract(each, settings=settings) for each in list_datasets()]
        return kept[name]

    return load


@pytest.mark.parametrize("environment", ["local", "dev", "prod"])
def test_policies_of_every_environment_are_whole_and_fit(
    environment: str, contracts: Callable[[Settings], list[Contract]]
) -> None:
    settings = load_settings(environment)

    variables = policy_variables(settings, ACCOUNT, contracts(settings))
    policies = render_policies(settings, variables)

    assert set(policies) == set(role_names(settings))
    for role, policy in policies.items():
        text = json.dumps(policy, separators=(",", ":"))
        assert len(text) < INLINE_LIMIT, role
        assert "Reason" not in text and "${aws:userid}" in text or "${" not in text
        sids = [each["Sid"] for each in policy["Statement"]]
        assert len(sids) == len(set(sids)), role
        assert all(each["Resource"] and each["Action"] for each in policy["Statement"])


def test_statements_of_what_an_environment_lacks_are_left_out(
    contracts: Callable[[Settings], list[Contract]],
) -> None:
    settings = load_settings("local")
    cluster = settings.warehouse.model_copy(
        update={"kind": "cluster", "workgroup_name": None, "cluster_identifier": "main"}
    )

    plain = policy_variables(settings, ACCOUNT, contracts(settings))
    other = policy_variables(
        settings.model_copy(update={"warehouse": cluster}),
        ACCOUNT,
        contracts(settings),
        kms_key_arns=["arn:aws:kms:us-east-1:123456789012:key/one"],
    )

    without = set(_sids(render_policy("flow", plain)))
    with_them = set(_sids(render_policy("flow", other)))
    assert without - with_them == {"ConnectToWorkgroup", "LoadIntoWorkgroup"}
    assert with_them - without == {
        "ConnectToCluster",
        "ConnectToClusterDatabase",
        "LoadIntoCluster",
        "UseTheKey",
    }


def test_sources_elsewhere_are_allowed_where_contracts_name_them(tmp_path: Path) -> None:
    settings = load_settings("local").model_copy(update={"places": _PLACES})

    datasets = ("airports", "app_logs", "customers", "events", "orders", "price_list")
    variables = policy_variables(
        settings, ACCOUNT, [load_contract(each, settings=settings) for each in datasets]
    )

    assert json.loads(variables["source_objects"]) == [
        "arn:aws:s3:::partner/airports.csv",
        "arn:aws:s3:::partner/logs/*",
        "arn:aws:s3:::partner/prices/*",
    ]
    assert json.loads(variables["source_prefixes"]) == [
        "airports.csv/*",
        "logs/*",
        "prices/*",
    ]
    assert json.loads(variables["taken_objects"]) == ["arn:aws:s3:::partner/prices/*"]
    assert json.loads(variables["completed_objects"]) == ["arn:aws:s3:::partner/completed/prices/*"]
    assert json.loads(variables["secret_arns"]) == [
        "arn:aws:secretsmanager:eu-west-1:210987654321:secret:shop-abcdef",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop/database-??????",
    ]


def test_policy_that_names_what_nothing_fills_in_is_refused(tmp_path: Path) -> None:
    (tmp_path / "flow.yml").write_text("- Resource: ${raw_buckt}\n")

    with pytest.raises(SettingsError, match="raw_buckt.*nothing fills in"):
        render_policy("flow", {"raw_bucket": "raw"}, folder=tmp_path)


def test_flow_role_is_for_people_only_where_flows_assume_it() -> None:
    settings = load_settings("dev")
    named = settings.model_copy(update={"role_arn": f"arn:aws:iam::{ACCOUNT}:role/mine"})

    alone, assumed = roles(settings)["flow"], roles(named)["flow"]

    assert (alone.name, assumed.name) == (f"{settings.name}-flow", "mine")
    assert _principals(trust_policy(alone, ACCOUNT, partition="aws")) == [
        {"Service": ["ecs-tasks.amazonaws.com"]}
    ]
    assert {"AWS": f"arn:aws:iam::{ACCOUNT}:root"} in _principals(
        trust_policy(assumed, ACCOUNT, partition="aws")
    )


_PLACES = {
    "shop_api_url": "https://shop.example.com",
    "shop_api_secret": "arn:aws:secretsmanager:eu-west-1:210987654321:secret:shop-abcdef",
    "shop_database_url": "postgresql://shop.example.com/shop",
    "shop_database_secret": "shop/database",
    "airports_csv": "s3://partner/airports.csv",
    "app_logs_prefix": "s3://partner/logs/",
    "price_list_prefix": "s3://partner/prices/",
}


def _sids(policy: dict[str, Any]) -> list[str]:
    return [each["Sid"] for each in policy["Statement"]]


def _principals(trust: dict[str, Any]) -> list[dict[str, Any]]:
    return [each["Principal"] for each in trust["Statement"]]
