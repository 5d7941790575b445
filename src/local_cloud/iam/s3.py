"""Which permissions a request to S3 needs.

"Actions, resources, and condition keys for Amazon S3" in the Service Authorization Reference, and
"Required permissions for Amazon S3 API operations" in the Amazon S3 User Guide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote
from xml.etree import ElementTree

from local_cloud.iam.table import Context, Permission, UnknownOperationError

# What a query asks for instead of the bucket itself: the action's name behind Get, Put or Delete.
_BUCKET_PARTS = {
    "accelerate": "AccelerateConfiguration",
    "acl": "BucketAcl",
    "analytics": "AnalyticsConfiguration",
    "cors": "BucketCORS",
    "encryption": "EncryptionConfiguration",
    "intelligent-tiering": "IntelligentTieringConfiguration",
    "inventory": "InventoryConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "location": "BucketLocation",
    "logging": "BucketLogging",
    "metrics": "MetricsConfiguration",
    "notification": "BucketNotification",
    "object-lock": "BucketObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "policyStatus": "BucketPolicyStatus",
    "publicAccessBlock": "BucketPublicAccessBlock",
    "replication": "ReplicationConfiguration",
    "requestPayment": "BucketRequestPayment",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
}
_DELETED_BY_DELETE = {"policy", "website"}  # what else is deleted needs the permission to put it
_OBJECT_PARTS = {
    "acl": "Object{version}Acl",
    "legal-hold": "ObjectLegalHold",
    "retention": "ObjectRetention",
    "tagging": "Object{version}Tagging",
    "torrent": "Object{version}Torrent",
}
_VERBS = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "DELETE": "Delete"}
_LISTS = {"versions": "ListBucketVersions", "uploads": "ListBucketMultipartUploads"}
_LIST_KEYS = {"prefix": "s3:prefix", "delimiter": "s3:delimiter", "max-keys": "s3:max-keys"}
_HEADER_KEYS = {
    "HTTP_X_AMZ_ACL": "s3:x-amz-acl",
    "HTTP_X_AMZ_COPY_SOURCE": "s3:x-amz-copy-source",
    "HTTP_X_AMZ_METADATA_DIRECTIVE": "s3:x-amz-metadata-directive",
    "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION": "s3:x-amz-server-side-encryption",
    "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID": (
        "s3:x-amz-server-side-encryption-aws-kms-key-id"
    ),
    "HTTP_X_AMZ_STORAGE_CLASS": "s3:x-amz-storage-class",
}
_ALSO_WRITTEN = {
    "HTTP_X_AMZ_ACL": "PutObjectAcl",
    "HTTP_X_AMZ_OBJECT_LOCK_LEGAL_HOLD": "PutObjectLegalHold",
    "HTTP_X_AMZ_OBJECT_LOCK_MODE": "PutObjectRetention",
    "HTTP_X_AMZ_TAGGING": "PutObjectTagging",
}
_NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"

Environ = Mapping[str, Any]


class Objects(Protocol):
    """What there is."""

    def has_bucket(self, bucket: str) -> bool:
        """Whether there is such a bucket."""

    def has_object(self, bucket: str, key: str) -> bool:
        """Whether there is such an object."""


def s3_permissions(environ: Environ, body: bytes, *, directory: Objects) -> list[Permission]:
    """What a request needs: nothing for what is in a bucket that there is not.

    To be told that an object is missing takes the permission to list the bucket.

    Args:
        body: Of DeleteObjects, which names objects there; nothing else is looked for in it.

    Raises:
        UnknownOperationError: It is not known what it needs.
    """
    path, _, query_string = environ["RAW_URI"].partition("?")
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    query = dict(parse_qsl(query_string, keep_blank_values=True))
    method = environ["REQUEST_METHOD"]
    if not bucket:
        return [Permission("s3:ListAllMyBuckets", "*")]
    if key:
        found = list(_of_object(method, bucket, key, query, environ))
        found += _of_absence(found, directory)
    else:
        found = list(_of_bucket(method, bucket, query, body))
    is_there = directory.has_bucket(bucket) or found[0].action == "s3:CreateBucket"
    return found if is_there else []


def _of_absence(wanted: list[Permission], directory: Objects) -> Iterator[Permission]:
    """GetObject in the Amazon S3 API Reference: 403 instead of 404."""
    for each in wanted:
        bucket, _, key = each.resource.removeprefix("arn:aws:s3:::").partition("/")
        if each.action == "s3:GetObject" and not directory.has_object(bucket, key):
            yield Permission("s3:ListBucket", f"arn:aws:s3:::{bucket}")


def _of_bucket(
    method: str, bucket: str, query: Mapping[str, str], body: bytes
) -> Iterator[Permission]:
    arn = f"arn:aws:s3:::{bucket}"
    part = next((each for each in query if each in _BUCKET_PARTS), None)
    if method == "POST" and "delete" in query:
        yield from _of_deletions(bucket, body)
    elif part and method in _VERBS:
        verb = _VERBS[method]
        if verb == "Delete" and part not in _DELETED_BY_DELETE:
            verb = "Put"
        yield Permission(f"s3:{verb}{_BUCKET_PARTS[part]}", arn)
    elif method in ("GET", "HEAD"):
        listed = next((action for name, action in _LISTS.items() if name in query), "ListBucket")
        context: Context = {key: query[name] for name, key in _LIST_KEYS.items() if name in query}
        yield Permission(f"s3:{listed}", arn, context)
    elif method in ("PUT", "DELETE") and set(query) <= {"x-id"}:
        yield Permission(f"s3:{'Create' if method == 'PUT' else 'Delete'}Bucket", arn)
    else:
        raise _unknown(method, bucket, query)


def _of_deletions(bucket: str, body: bytes) -> Iterator[Permission]:
    root = ElementTree.fromstring(body)
    namespace = _NAMESPACE if root.tag.startswith(_NAMESPACE) else ""
    for each in root.iter(f"{namespace}Object"):
        key = each.findtext(f"{namespace}Key") or ""
        version = each.findtext(f"{namespace}VersionId")
        yield _on_object("Delete", bucket, key, version)


def _of_object(
    method: str, bucket: str, key: str, query: Mapping[str, str], environ: Environ
) -> Iterator[Permission]:
    arn = f"arn:aws:s3:::{bucket}/{key}"
    version = query.get("versionId")
    part = next((each for each in query if each in _OBJECT_PARTS), None)
    if part and method in _VERBS:
        what = _OBJECT_PARTS[part].format(version="Version" if version else "")
        yield Permission(f"s3:{_VERBS[method]}{what}", arn, _version_context(version))
    elif "uploadId" in query and method in ("GET", "DELETE"):
        action = "ListMultipartUploadParts" if method == "GET" else "AbortMultipartUpload"
        yield Permission(f"s3:{action}", arn)
    elif method in ("GET", "HEAD"):
        yield _on_object("Get", bucket, key, version)
        if "attributes" in query:
            name = "GetObjectVersionAttributes" if version else "GetObjectAttributes"
            yield Permission(f"s3:{name}", arn, _version_context(version))
    elif method == "DELETE":
        yield _on_object("Delete", bucket, key, version)
        yield from _of_condition(arn, environ)
    elif "restore" in query:
        yield Permission("s3:RestoreObject", arn)
    elif method == "PUT" or (method == "POST" and {"uploads", "uploadId"} & set(query)):
        yield from _of_write(arn, environ)
    else:
        raise _unknown(method, f"{bucket}/{key}", query)


def _of_write(arn: str, environ: Environ) -> Iterator[Permission]:
    context: Context = {key: environ[name] for name, key in _HEADER_KEYS.items() if name in environ}
    for tag, value in parse_qsl(environ.get("HTTP_X_AMZ_TAGGING", "")):
        context[f"s3:RequestObjectTag/{tag}"] = value
    yield Permission("s3:PutObject", arn, context)
    for header, action in _ALSO_WRITTEN.items():
        if header in environ:
            yield Permission(f"s3:{action}", arn, context)
    yield from _of_condition(arn, environ)
    if source := environ.get("HTTP_X_AMZ_COPY_SOURCE"):
        path, _, source_version = unquote(source).partition("?versionId=")
        bucket, _, key = path.lstrip("/").partition("/")
        yield _on_object("Get", bucket, key, source_version or None)


def _of_condition(arn: str, environ: Environ) -> Iterator[Permission]:
    """Comparing an ETag takes the permission to read: "Add preconditions to S3 operations"."""
    if environ.get("HTTP_IF_MATCH", "*") != "*":
        yield Permission("s3:GetObject", arn)


def _on_object(verb: str, bucket: str, key: str, version: str | None) -> Permission:
    action = f"s3:{verb}Object{'Version' if version else ''}"
    return Permission(action, f"arn:aws:s3:::{bucket}/{key}", _version_context(version))


def _version_context(version: str | None) -> Context:
    return {"s3:VersionId": version} if version else {}


def _unknown(method: str, place: str, query: Mapping[str, str]) -> UnknownOperationError:
    asked = f"?{'&'.join(query)}" if query else ""
    return UnknownOperationError(
        f"which permissions {method} /{place}{asked} needs is not in src/local_cloud/iam/s3.py"
    )
