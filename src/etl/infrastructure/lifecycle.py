"""The buckets' lifecycles, as S3's PutBucketLifecycleConfiguration takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etl.archiving import lifecycle as archive
from etl.infrastructure_settings import Lifecycle
from etl.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import LifecycleRuleTypeDef, TransitionTypeDef

RESULTS_PREFIX = "athena-results/"  # of what Athena answers, in the artifacts bucket


def bucket_rules(settings: Settings) -> dict[str, list[LifecycleRuleTypeDef]]:
    """Each bucket's rules, by its layer, and those of the access logs as "logs"."""
    wanted = settings.infrastructure.lifecycle
    found = {
        "raw": _rules("raw", wanted.raw),
        "processed": _rules("processed", wanted.processed),
        "quarantine": _rules("quarantine", wanted.quarantine),
        "artifacts": [
            *_rules("artifacts", wanted.artifacts),
            *_rules("results", wanted.results, prefix=RESULTS_PREFIX),
        ],
        "logs": _rules("logs", wanted.logs),
    }
    return found | ({"archive": archive.rules(settings)} if settings.buckets.archive else {})


def _rules(name: str, wanted: Lifecycle, *, prefix: str = "") -> list[LifecycleRuleTypeDef]:
    """What happens to objects, to what was replaced, and to uploads that never ended."""
    rules: list[LifecycleRuleTypeDef] = []
    age: LifecycleRuleTypeDef = {"ID": f"{name}-age", "Status": "Enabled"}
    if transitions := _transitions(wanted):
        age["Transitions"] = transitions
    if wanted.expire_after_days:
        age["Expiration"] = {"Days": wanted.expire_after_days}
    if len(age) > 2:
        rules.append(age)
    rules.append(
        {
            "ID": f"{name}-replaced",
            "Status": "Enabled",
            "NoncurrentVersionExpiration": {"NoncurrentDays": wanted.noncurrent_days},
            # Of a delete marker once no version is behind it.
            "Expiration": {"ExpiredObjectDeleteMarker": True},
        }
    )
    if not prefix:
        aborted: LifecycleRuleTypeDef = {
            "ID": f"{name}-uploads",
            "Status": "Enabled",
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": wanted.abort_uploads_days},
        }
        rules.append(aborted)
    for rule in rules:
        rule["Filter"] = {"Prefix": prefix}
    return rules


def _transitions(wanted: Lifecycle) -> list[TransitionTypeDef]:
    found: list[TransitionTypeDef] = []
    if wanted.intelligent_tiering:
        found.append({"Days": 0, "StorageClass": "INTELLIGENT_TIERING"})
    if wanted.standard_ia_after_days:
        found.append({"Days": wanted.standard_ia_after_days, "StorageClass": "STANDARD_IA"})
    if wanted.glacier_after_days:
        found.append({"Days": wanted.glacier_after_days, "StorageClass": "GLACIER_IR"})
    return found
