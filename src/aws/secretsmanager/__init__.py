"""AWS Secrets Manager: thin functions over a boto3 client. Errors are botocore's own."""

from aws.secretsmanager.secrets import secret_exists
from aws.secretsmanager.values import get_secret_value

__all__ = ["get_secret_value", "secret_exists"]
