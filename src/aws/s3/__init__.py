"""Amazon S3: thin functions over a boto3 client. Errors are botocore's own unless said."""

from aws.s3.objects import (
    S3Object,
    delete_objects,
    get_bytes,
    head_object,
    iter_objects,
    open_object,
    put_bytes,
)
from aws.s3.upload import Upload, UploadedObject

__all__ = [
    "S3Object",
    "Upload",
    "UploadedObject",
    "delete_objects",
    "get_bytes",
    "head_object",
    "iter_objects",
    "open_object",
    "put_bytes",
]
