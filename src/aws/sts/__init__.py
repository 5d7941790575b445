"""AWS STS: thin functions over a boto3 client. Errors are botocore's own."""

from aws.sts.identity import Identity, get_caller_identity

__all__ = ["Identity", "get_caller_identity"]
