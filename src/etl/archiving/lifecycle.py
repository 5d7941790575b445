"""The archive bucket's lifecycle, as S3's PutBucketLifecycleConfiguration takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import LifecycleRuleTypeDef

    from etl.settings import Settings


def rules(settings: Settings) -> list[LifecycleRuleTypeDef]:
    """Days count from the day on which an object was archived."""
    wanted = settings.archiver
    return [
        {
            "ID": "glacier-then-end",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "Transitions": [{"Days": wanted.glacier_after_days, "StorageClass": "GLACIER"}],
            "Expiration": {"Days": wanted.expire_after_days},
        },
        {
            "ID": "forget-replaced-versions",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "NoncurrentVersionExpiration": {"NoncurrentDays": wanted.noncurrent_days},
        },
        {
            "ID": "abort-incomplete-uploads",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": wanted.abort_uploads_days},
        },
        {
            "ID": "forget-delete-markers",  # which expiry leaves, once no version is behind them
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "Expiration": {"ExpiredObjectDeleteMarker": True},
        },
    ]
