"""tools/least_privilege.py finds what is denied, unused, and open without a reason."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from etl.root import ROOT

ACCOUNT = "123456789012"
BUCKET = "arn:aws:s3:::raw"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "least_privilege", ROOT / "tools" / "least_privilege.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


READ = {"Sid": "Read", "Action": ["s3:GetObject"], "Resource": f"{BUCKET}/raw/*"}


def called(action: str, resource: str, *, role: str = "etl-local-validator", **context: str) -> str:
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
    line = {"role": arn, "action": action, "resource": resource, "context": context}
    return json.dumps(line | {"allowed": True})


def found(tool: ModuleType, folder: Path, lines: list[str], *documents: Any) -> Any:
    """Figures and offences of a policy of these statements, and calls of these lines."""
    (folder / "1.jsonl").write_text("".join(f"{each}\n" for each in lines))
    calls = tool.read_calls(folder, {"etl-local-validator": "validator"})
    statements = {"validator": [tool.Statement(each) for each in documents]}
    figures, offences = tool.check(statements, calls, region="us-east-1", account=ACCOUNT)
    return figures["validator"], offences


def test_policy_that_grants_what_was_used_and_no_more_is_proved(
    tool: ModuleType, tmp_path: Path
) -> None:
    lists = {
        "Sid": "List",
        "Action": ["s3:ListBucket"],
        "Resource": [BUCKET],
        "Condition": {"StringLike": {"s3:prefix": "raw/*"}},
    }
    absent = {"Sid": "Key", "Action": "kms:Decrypt", "Resource": []}
    listed = json.loads(called("s3:ListBucket", BUCKET)) | {"context": {"s3:prefix": "raw/2026/"}}
    lines = [called("s3:GetObject", f"{BUCKET}/raw/one"), json.dumps(listed)]

    figures, offences = found(tool, tmp_path, lines * 2, READ, lists, absent)

    assert offences == []
    assert (figures.statements, figures.calls, figures.absent) == (2, 2, ["Key"])
    assert figures.granted == figures.used == {"s3:GetObject", "s3:ListBucket"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (called("s3:PutObject", f"{BUCKET}/raw/one"), "s3:PutObject on"),
        (called("s3:GetObject", f"{BUCKET}/other/one"), "s3:GetObject on"),
    ],
)
def test_call_that_the_policy_does_not_allow_is_named_with_its_file(
    tool: ModuleType, tmp_path: Path, line: str, said: str
) -> None:
    lines = [called("s3:GetObject", f"{BUCKET}/raw/one"), line]

    _, (offence,) = found(tool, tmp_path, lines, READ)

    assert said in offence and "was called, and is not allowed" in offence
    assert "terraform/policies/validator.yml" in offence


def test_condition_that_a_call_does_not_fulfil_denies_it(tool: ModuleType, tmp_path: Path) -> None:
    owned = READ | {"Condition": {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}}

    _, offences = found(tool, tmp_path, [called("s3:GetObject", f"{BUCKET}/raw/one")], owned)

    assert any("was called, and is not allowed" in each for each in offences)


def test_grants_that_nothing_used_are_named(tool: ModuleType, tmp_path: Path) -> None:
    wider = READ | {
        "Action": ["s3:GetObject", "s3:DeleteObject"],
        "Resource": [f"{BUCKET}/raw/*", f"{BUCKET}/code/*"],
    }

    _, offences = found(tool, tmp_path, [called("s3:GetObject", f"{BUCKET}/raw/one")], wider)

    assert [each.splitlines()[0] for each in offences] == [
        "validator: Read grants s3:DeleteObject, which nothing used",
        f"validator: Read grants {BUCKET}/code/*, which nothing used",
    ]


@pytest.mark.parametrize(
    "wide", [{"Resource": "*"}, {"Resource": "arn:aws:s3:::*"}, {"Action": ["s3:Get*"]}]
)
def test_star_without_a_reason_is_named_and_with_one_it_is_not(
    tool: ModuleType, tmp_path: Path, wide: dict[str, Any]
) -> None:
    lines = [called("s3:GetObject", f"{BUCKET}/raw/one")]

    _, (offence,) = found(tool, tmp_path, lines, READ | wide)
    assert "without a Reason" in offence

    _, offences = found(tool, tmp_path, lines, READ | wide | {"Reason": "it has to"})
    assert offences == []


def test_reason_excuses_what_only_aws_needs_and_is_shown(tool: ModuleType, tmp_path: Path) -> None:
    lines = [called("s3:GetObject", f"{BUCKET}/raw/one")]
    other = {"Sid": "Other", "Action": "s3:PutObject", "Resource": f"{BUCKET}/other/*"}

    figures, offences = found(tool, tmp_path, lines, READ, other | {"Reason": "AWS needs it"})
    assert (offences, figures.unproved) == ([], ["Other"])

    _, offences = found(tool, tmp_path, lines, READ, other | {"Resource": "*", "Reason": "why"})
    assert "Other grants s3:PutObject, which nothing used" in offences[0]


def test_names_that_tests_use_are_read_as_those_of_the_settings(
    tool: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "1.names").write_text(json.dumps({"e2e_1": "raw"}) + "\n")
    lines = [called("s3:GetObject", "arn:aws:s3:::e2e_1/raw/one")]

    _, offences = found(tool, tmp_path, lines, READ)
    assert offences == []

    _, offences = found(tool, tmp_path, [called("s3:GetObject", "arn:aws:s3:::e2e_12/raw/one")])
    assert len(offences) == 1


def test_name_that_begins_another_does_not_stand_in_it(tool: ModuleType, tmp_path: Path) -> None:
    names = {"e2e": "wrong", "e2e-slow": "raw"}
    (tmp_path / "1.names").write_text(json.dumps(names) + "\n")
    lines = [called("s3:GetObject", "arn:aws:s3:::e2e-slow/raw/one")]

    assert found(tool, tmp_path, lines, READ)[1] == []


def test_calls_of_other_roles_prove_nothing(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = called("s3:GetObject", f"{BUCKET}/raw/one", role="made-by-a-test")
    (tmp_path / "1.jsonl").write_text(line + "\n")

    assert tool.read_calls(tmp_path, {"etl-local-validator": "validator"}) == []
    assert tool.main([str(tmp_path)]) == 1
    assert "holds no call of a role" in capsys.readouterr().err
