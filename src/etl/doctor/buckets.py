"""The buckets: there, in the region, encrypted, closed to the public."""

from __future__ import annotations

import json
from functools import partial

from botocore.exceptions import ClientError

from aws.s3.buckets import (
    abort_days,
    blocks_public_access,
    get_bucket_region,
    get_default_encryption,
    get_lifecycle_rules,
    is_versioned,
)
from etl.doctor.explain import DENIED, error_code
from etl.doctor.findings import Check, Finding, Group, fail, ok, warn
from etl.doctor.patient import Patient

_ABORT_DAYS = 7
_ENCRYPTED = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
_ABORTED = {
    "Rules": [
        {
            "ID": "abort-incomplete-uploads",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": _ABORT_DAYS},
        }
    ]
}
_CLOSED = (
    "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true"
)


def bucket_groups(patient: Patient) -> list[Group]:
    """The checks of every bucket that the settings name."""
    return [
        _bucket_group(patient, layer, bucket)
        for layer, bucket in patient.settings.buckets.names.items()
    ]


def _bucket_group(patient: Patient, layer: str, bucket: str) -> Group:
    looks = {
        f"bucket {layer}": _exists,
        f"  {layer}: encryption": _is_encrypted,
        f"  {layer}: public access": _is_closed,
    }
    if layer == "raw":
        looks[f"  {layer}: lifecycle"] = _aborts_uploads
    if layer == "artifacts":
        looks[f"  {layer}: versioning"] = _keeps_versions
    return [Check(name, partial(look, patient, bucket)) for name, look in looks.items()]


def _exists(patient: Patient, bucket: str) -> Finding:
    wanted = patient.settings.region
    try:
        region = get_bucket_region(patient.client("s3"), bucket=bucket)
    except ClientError as error:
        if error_code(error) in ("404", "NoSuchBucket"):
            return fail(f"{bucket} does not exist", _create(patient, bucket))
        if error_code(error) in DENIED:
            return fail(
                f"{bucket}: access denied, it is another account's or s3:ListBucket is missing",
                patient.allow("s3:ListBucket", f"arn:{patient.settings.partition}:s3:::{bucket}"),
            )
        raise
    if region and region != wanted:
        return fail(
            f"{bucket} is in {region}, and COPY reads Parquet of its own region, {wanted}, only",
            f"set region: {region} in config/{patient.settings.environment}.yml, or name another"
            f" bucket there",
        )
    return ok(f"{bucket} in {region or wanted}")


def _create(patient: Patient, bucket: str) -> str:
    region = patient.settings.region
    # us-east-1 is the one region that may not be named as a location.
    located = ["--create-bucket-configuration", f"LocationConstraint={region}"]
    elsewhere = [] if region == "us-east-1" else located
    return patient.command("s3api", "create-bucket", "--bucket", bucket, *elsewhere)


def _is_encrypted(patient: Patient, bucket: str) -> Finding:
    algorithm = get_default_encryption(patient.client("s3"), bucket=bucket)
    if algorithm:
        return ok(algorithm)
    return fail(
        f"{bucket} does not encrypt what it holds",
        patient.command(
            *("s3api", "put-bucket-encryption", "--bucket", bucket),
            *("--server-side-encryption-configuration", json.dumps(_ENCRYPTED)),
        ),
    )


def _is_closed(patient: Patient, bucket: str) -> Finding:
    if blocks_public_access(patient.client("s3"), bucket=bucket):
        return ok("blocked")
    return fail(
        f"{bucket} may be opened to the public",
        patient.command(
            *("s3api", "put-public-access-block", "--bucket", bucket),
            *("--public-access-block-configuration", _CLOSED),
        ),
    )


def _aborts_uploads(patient: Patient, bucket: str) -> Finding:
    rules = get_lifecycle_rules(patient.client("s3"), bucket=bucket)
    days = abort_days(rules)
    if days is not None:
        return ok(f"parts of uploads that never ended go after {days} days")
    what = f"{bucket} keeps the parts of uploads that never ended, and they cost"
    if rules:  # the command would replace them
        return warn(what, "add a rule AbortIncompleteMultipartUpload to the bucket's lifecycle")
    return warn(
        what,
        patient.command(
            *("s3api", "put-bucket-lifecycle-configuration", "--bucket", bucket),
            *("--lifecycle-configuration", json.dumps(_ABORTED)),
        ),
    )


def _keeps_versions(patient: Patient, bucket: str) -> Finding:
    if is_versioned(patient.client("s3"), bucket=bucket):
        return ok("on")
    return warn(
        f"{bucket} keeps no versions: what sources were read up to could be lost",
        patient.command(
            *("s3api", "put-bucket-versioning", "--bucket", bucket),
            *("--versioning-configuration", "Status=Enabled"),
        ),
    )
