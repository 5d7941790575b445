"""Each fault of a bucket gets its line and the command that mends it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws
from support.doctor_patient import (
    abort_rule,
    client,
    look,
    make_bucket,
    make_patient,
    make_settings,
    only_fault,
    refused,
)

from etl.doctor.buckets import bucket_groups
from etl.doctor.findings import Finding
from etl.doctor.patient import Patient


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Patient]:
    with mock_aws():
        settings = make_settings(tmp_path)
        for name in settings.buckets.names.values():
            make_bucket(name)
        s3 = client("s3")
        s3.put_bucket_versioning(
            Bucket="doc-artifacts", VersioningConfiguration={"Status": "Enabled"}
        )
        s3.put_bucket_lifecycle_configuration(
            Bucket="doc-raw", LifecycleConfiguration={"Rules": [abort_rule()]}
        )
        yield make_patient(settings)


def _look(patient: Patient) -> dict[str, Finding]:
    return look(patient, *bucket_groups(patient))


def test_doctor_buckets_in_order_are_all_ok(patient: Patient) -> None:
    found = _look(patient)
    assert {each.state for each in found.values()} == {"ok"}
    assert len(found) == 14
    assert found["bucket raw"].what == "doc-raw in eu-west-1"
    assert found["raw: lifecycle"].what == "parts of uploads that never ended go after 3 days"


def test_doctor_bucket_missing_says_how_to_create_it_and_asks_no_more(patient: Patient) -> None:
    client("s3").delete_bucket(Bucket="doc-processed")
    check, found = only_fault(_look(patient))
    assert (check, found.state, found.what) == (
        "bucket processed",
        "FAIL",
        "doc-processed does not exist",
    )
    assert found.fix == (
        "aws s3api create-bucket --bucket doc-processed --create-bucket-configuration"
        " LocationConstraint=eu-west-1 --region eu-west-1"
    )


def test_doctor_bucket_of_another_region_fails(patient: Patient) -> None:
    client("s3").delete_bucket(Bucket="doc-processed")
    make_bucket("doc-processed", region="eu-central-1")
    check, found = only_fault(_look(patient))
    assert (check, found.state) == ("bucket processed", "FAIL")
    assert "doc-processed is in eu-central-1" in found.what


def test_doctor_bucket_without_encryption_fails(patient: Patient) -> None:
    client("s3").delete_bucket_encryption(Bucket="doc-raw")
    check, found = only_fault(_look(patient))
    assert (check, found.state) == ("raw: encryption", "FAIL")
    assert found.fix.startswith("aws s3api put-bucket-encryption --bucket doc-raw ")


def test_doctor_bucket_open_to_the_public_fails(patient: Patient) -> None:
    client("s3").delete_public_access_block(Bucket="doc-quarantine")
    check, found = only_fault(_look(patient))
    assert (check, found.state) == ("quarantine: public access", "FAIL")
    assert found.fix.startswith("aws s3api put-public-access-block --bucket doc-quarantine ")


def test_doctor_bucket_blocking_public_access_by_half_fails(patient: Patient) -> None:
    client("s3").put_public_access_block(
        Bucket="doc-raw", PublicAccessBlockConfiguration={"BlockPublicAcls": True}
    )
    assert only_fault(_look(patient))[0] == "raw: public access"


def test_doctor_uploads_that_stay_for_ever_are_warned_of(patient: Patient) -> None:
    client("s3").delete_bucket_lifecycle(Bucket="doc-raw")
    check, found = only_fault(_look(patient))
    assert (check, found.state) == ("raw: lifecycle", "warn")
    assert found.fix.startswith("aws s3api put-bucket-lifecycle-configuration --bucket doc-raw ")


@pytest.mark.parametrize("change", [{"Status": "Disabled"}, {"Filter": {"Prefix": "raw/shop/"}}])
def test_doctor_lifecycle_with_other_rules_is_not_to_be_replaced(
    patient: Patient, change: dict[str, Any]
) -> None:
    client("s3").put_bucket_lifecycle_configuration(
        Bucket="doc-raw", LifecycleConfiguration={"Rules": [abort_rule(**change)]}
    )
    check, found = only_fault(_look(patient))
    assert (check, found.state) == ("raw: lifecycle", "warn")
    assert found.fix == "add a rule AbortIncompleteMultipartUpload to the bucket's lifecycle"


def test_doctor_artifacts_without_versions_are_warned_of(patient: Patient) -> None:
    client("s3").put_bucket_versioning(
        Bucket="doc-artifacts", VersioningConfiguration={"Status": "Suspended"}
    )
    check, found = only_fault(_look(patient))
    assert (check, found.state) == ("artifacts: versioning", "warn")


@pytest.mark.parametrize(
    "operation, action",
    [
        ("HeadBucket", "s3:ListBucket"),
        ("GetBucketEncryption", "s3:GetEncryptionConfiguration"),
        ("GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock"),
        ("GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration"),
        ("GetBucketVersioning", "s3:GetBucketVersioning"),
    ],
)
def test_doctor_bucket_operation_denied_names_the_action(
    patient: Patient, operation: str, action: str
) -> None:
    with refused(operation):
        faults = [each for each in _look(patient).values() if each.state != "ok"]
    assert faults
    for found in faults:
        assert found.state == "FAIL"
        assert "access denied" in found.what and action in found.what
        assert found.fix.startswith("aws iam put-user-policy --user-name somebody ")
