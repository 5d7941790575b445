"""AWS IAM: thin functions over a boto3 client. Errors are botocore's own."""

from aws.iam.roles import Role, get_role

__all__ = ["Role", "get_role"]
