"""AWS Lambda: thin functions over a boto3 client. Errors are botocore's own unless said."""

from aws.lambda_.functions import Function, get_function
from aws.lambda_.invoke import FunctionError, invoke, invoke_later

__all__ = ["Function", "FunctionError", "get_function", "invoke", "invoke_later"]
