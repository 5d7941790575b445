"""Amazon CloudWatch Logs: thin functions over a boto3 client. Errors are botocore's own."""

from aws.logs.events import put_log_events

__all__ = ["put_log_events"]
