"""Amazon SNS: thin functions over a boto3 client. Errors are botocore's own."""

from aws.sns.messages import publish

__all__ = ["publish"]
