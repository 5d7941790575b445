"""Amazon S3: thin functions over a boto3 client. Errors are botocore's own unless said."""

from aws.s3.checksums import ChecksumError, find_checksum, is_checksum_of, join_digests
from aws.s3.conditional import Tagged, create_object, read_tagged, swap_object
from aws.s3.heads import ObjectHead, read_head
from aws.s3.multipart import MAX_PARTS, MIN_PART_MIB, Multipart
from aws.s3.objects import (
    S3Object,
    delete_objects,
    get_bytes,
    head_object,
    iter_objects,
    iter_pages,
    open_object,
    put_bytes,
    send_file,
)
from aws.s3.retries import retry
from aws.s3.single import copy_object, delete_object

__all__ = [
    "ChecksumError",
    "MAX_PARTS",
    "MIN_PART_MIB",
    "Multipart",
    "ObjectHead",
    "S3Object",
    "Tagged",
    "copy_object",
    "create_object",
    "delete_object",
    "delete_objects",
    "find_checksum",
    "get_bytes",
    "head_object",
    "is_checksum_of",
    "iter_objects",
    "iter_pages",
    "join_digests",
    "open_object",
    "put_bytes",
    "read_head",
    "read_tagged",
    "retry",
    "send_file",
    "swap_object",
]
