"""The buckets that config/local.yml names, set up as a real account's should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etl.infrastructure.lifecycle import bucket_rules
from etl.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        PublicAccessBlockConfigurationTypeDef,
        ServerSideEncryptionConfigurationTypeDef,
    )

_PRIVATE: PublicAccessBlockConfigurationTypeDef = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
_ENCRYPTED: ServerSideEncryptionConfigurationTypeDef = {
    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
}


def put_buckets(s3: S3Client, settings: Settings) -> None:
    """Create the buckets that are missing, and set all of them up."""
    names = settings.buckets
    existing = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    for name in sorted(set(names.names.values())):
        if name not in existing:
            s3.create_bucket(Bucket=name)
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=_PRIVATE)
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=_ENCRYPTED)
        # For what sources were read up to, and for the catalogue, which reads what runs replaced.
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    rules = bucket_rules(settings)
    for layer, name in names.names.items():
        s3.put_bucket_lifecycle_configuration(
            Bucket=name, LifecycleConfiguration={"Rules": rules[layer]}
        )
