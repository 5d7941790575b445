"""Amazon Athena: thin functions over a boto3 client. Errors are botocore's own unless said."""

from aws.athena.parameters import Value, bind, literal
from aws.athena.query import QueryFailedError, QueryTimeoutError, run_query
from aws.athena.results import QueryResult, ResultColumn
from aws.athena.workgroups import Workgroup, get_workgroup

__all__ = [
    "QueryFailedError",
    "QueryResult",
    "QueryTimeoutError",
    "ResultColumn",
    "Value",
    "Workgroup",
    "bind",
    "get_workgroup",
    "literal",
    "run_query",
]
