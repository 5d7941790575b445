"""Which permissions requests need, as boto3 sends them; those to S3 are in test_iam_s3.py."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from support.iam_requests import ACCOUNT, REGION, USER_ID, needed, pairs

from local_cloud.iam.table import UnknownOperationError, operations, permissions
from local_cloud.refusals import SERVICES

TABLE = {"DatabaseName": "d", "TableName": "t"}
CATALOG = ["glue:catalog", "glue:database/d"]
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
CODE = {"S3Bucket": "artifacts", "S3Key": "f.zip"}
DATA = {"WorkgroupName": "wg1", "Database": "etl"}


def each(action: str, *resources: str) -> list[str]:
    return [f"{action} {resource}" for resource in resources]


@pytest.mark.parametrize(
    ("service", "call", "arguments", "expected"),
    [
        ("glue", "get_jobs", {}, ["glue:GetJobs *"]),
        ("glue", "get_job", {"JobName": "j"}, ["glue:GetJob glue:job/j"]),
        ("glue", "start_job_run", {"JobName": "j"}, ["glue:StartJobRun glue:job/j"]),
        (
            "glue",
            "create_job",
            {"Name": "j", "Role": "r", "Command": {}},
            ["glue:CreateJob glue:job/j", "iam:PassRole iam:role/r"],
        ),
        ("glue", "get_database", {"Name": "d"}, each("glue:GetDatabase", *CATALOG)),
        (
            "glue",
            "get_table",
            {"DatabaseName": "d", "Name": "t"},
            each("glue:GetTable", *CATALOG, "glue:table/d/t"),
        ),
        (
            "glue",
            "create_table",
            {"DatabaseName": "d", "TableInput": {"Name": "t"}},
            each("glue:CreateTable", *CATALOG, "glue:table/d/t"),
        ),
        (
            "glue",
            "get_tables",
            {"DatabaseName": "d"},
            each("glue:GetTables", *CATALOG, "glue:table/d/*"),
        ),
        (
            "glue",
            "batch_create_partition",
            TABLE | {"PartitionInputList": []},
            each("glue:BatchCreatePartition", *CATALOG, "glue:table/d/t"),
        ),
        (
            "glue",
            "batch_delete_table",
            {"DatabaseName": "d", "TablesToDelete": ["t", "u"]},
            each("glue:BatchDeleteTable", *CATALOG, "glue:table/d/t", "glue:table/d/u"),
        ),
        (
            "athena",
            "start_query_execution",
            {"QueryString": "SELECT 1", "WorkGroup": "w"},
            ["athena:StartQueryExecution athena:workgroup/w"],
        ),
        (
            "athena",
            "start_query_execution",
            {"QueryString": "SELECT 1"},
            ["athena:StartQueryExecution athena:workgroup/primary"],
        ),
        (
            "athena",
            "get_query_results",
            {"QueryExecutionId": "q"},
            ["athena:GetQueryResults athena:workgroup/of-q"],
        ),
        (
            "redshift",
            "get_cluster_credentials",
            {"DbUser": "u", "DbName": "b", "ClusterIdentifier": "c"},
            each("redshift:GetClusterCredentials", "redshift:dbuser:c/u", "redshift:dbname:c/b"),
        ),
        (
            "redshift",
            "get_cluster_credentials_with_iam",
            {"DbName": "b", "ClusterIdentifier": "c"},
            ["redshift:GetClusterCredentialsWithIAM redshift:dbname:c/b"],
        ),
        (
            "redshift-serverless",
            "list_workgroups",
            {},
            ["redshift-serverless:ListWorkgroups *"],
        ),
        (
            "redshift-data",
            "execute_statement",
            DATA
            | {"WorkgroupName": f"arn:aws:redshift-serverless:{REGION}:{ACCOUNT}:workgroup/i"}
            | {"Sql": "SELECT 1"},
            [
                "redshift-data:ExecuteStatement redshift-serverless:workgroup/i",
                "redshift-serverless:GetCredentials redshift-serverless:workgroup/i",
            ],
        ),
        (
            "redshift-data",
            "batch_execute_statement",
            {"ClusterIdentifier": "c", "Database": "b", "DbUser": "u", "Sqls": ["SELECT 1"]},
            [
                "redshift-data:BatchExecuteStatement redshift:cluster:c",
                "redshift:GetClusterCredentials redshift:dbuser:c/u",
                "redshift:GetClusterCredentials redshift:dbname:c/b",
            ],
        ),
        (
            "redshift-data",
            "execute_statement",
            {"ClusterIdentifier": "c", "Database": "b", "Sql": "SELECT 1"},
            [
                "redshift-data:ExecuteStatement redshift:cluster:c",
                "redshift:GetClusterCredentialsWithIAM redshift:dbname:c/b",
            ],
        ),
        ("redshift-data", "list_statements", {}, ["redshift-data:ListStatements *"]),
        ("lambda", "list_functions", {}, ["lambda:ListFunctions *"]),
        (
            "lambda",
            "invoke",
            {"FunctionName": "f", "Payload": b"[1]"},
            ["lambda:InvokeFunction lambda:function:f"],
        ),
        (
            "lambda",
            "invoke",
            {"FunctionName": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f", "Qualifier": "live"},
            ["lambda:InvokeFunction lambda:function:f:live"],
        ),
        (
            "lambda",
            "get_function_configuration",
            {"FunctionName": f"{ACCOUNT}:function:f"},
            ["lambda:GetFunctionConfiguration lambda:function:f"],
        ),
        (
            "lambda",
            "create_function",
            {"FunctionName": "f", "Role": ROLE, "Code": CODE},
            [
                "lambda:CreateFunction lambda:function:f",
                "iam:PassRole iam:role/r",
                "s3:GetObject artifacts/f.zip",
            ],
        ),
        (
            "secretsmanager",
            "get_secret_value",
            {"SecretId": "shop"},
            ["secretsmanager:GetSecretValue secretsmanager:secret:shop-AbCdEf"],
        ),
        ("sqs", "get_queue_url", {"QueueName": "q"}, ["sqs:GetQueueUrl sqs:q"]),
        (
            "sqs",
            "delete_message_batch",
            {
                "QueueUrl": f"http://127.0.0.1/{ACCOUNT}/q",
                "Entries": [{"Id": "1", "ReceiptHandle": "r"}],
            },
            ["sqs:DeleteMessage sqs:q"],
        ),
        (
            "sns",
            "publish",
            {"TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:t", "Message": "m"},
            ["sns:Publish sns:t"],
        ),
        ("iam", "get_role", {"RoleName": "r"}, ["iam:GetRole iam:role/r"]),
        ("sts", "get_caller_identity", {}, []),
        (
            "sts",
            "assume_role",
            {"RoleArn": ROLE, "RoleSessionName": "run"},
            ["sts:AssumeRole iam:role/r"],
        ),
        ("cloudwatch", "list_metrics", {}, ["cloudwatch:ListMetrics *"]),
        (
            "logs",
            "create_log_stream",
            {"logGroupName": "/g", "logStreamName": "s"},
            ["logs:CreateLogStream logs:log-group:/g:log-stream:s"],
        ),
        (
            "logs",
            "filter_log_events",
            {"logGroupName": "/g"},
            ["logs:FilterLogEvents logs:log-group:/g:log-stream:"],
        ),
        (
            "events",
            "put_events",
            {"Entries": [{"Source": "s", "DetailType": "t", "Detail": "{}"}]},
            ["events:PutEvents events:event-bus/default"],
        ),
        ("events", "put_rule", {"Name": "r"}, ["events:PutRule events:rule/r"]),
        (
            "stepfunctions",
            "start_execution",
            {"stateMachineArn": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:m"},
            ["states:StartExecution states:stateMachine:m"],
        ),
        (
            "stepfunctions",
            "describe_execution",
            {"executionArn": f"arn:aws:states:{REGION}:{ACCOUNT}:execution:m:e"},
            ["states:DescribeExecution states:execution:m:e"],
        ),
        ("ssm", "get_parameter", {"Name": "/a/b"}, ["ssm:GetParameter ssm:parameter/a/b"]),
        ("kms", "decrypt", {"KeyId": "k", "CiphertextBlob": b"x"}, ["kms:Decrypt kms:key/k"]),
        (
            "apigatewayv2",
            "get_api",
            {"ApiId": "a"},
            ["apigateway:GET apigateway:/apis/a"],
        ),
    ],
)
def test_request_needs(
    service: str, call: str, arguments: dict[str, Any], expected: list[str]
) -> None:
    assert pairs(service, call, **arguments) == expected


@pytest.mark.parametrize(
    ("service", "call", "arguments", "context"),
    [
        (
            "redshift-data",
            "get_statement_result",
            {"Id": "d3b07384-d113-4ec0-8fe2-0b3e4d3f0b1a"},
            {"redshift-data:statement-owner-iam-userid": "AROAX:owner"},
        ),
        (
            "redshift-data",
            "list_statements",
            {},
            {"redshift-data:statement-owner-iam-userid": USER_ID},
        ),
        (
            "cloudwatch",
            "put_metric_data",
            {"Namespace": "etl", "MetricData": [{"MetricName": "m", "Value": 1}]},
            {"cloudwatch:namespace": "etl"},
        ),
        (
            "sts",
            "assume_role",
            {"RoleArn": ROLE, "RoleSessionName": "run", "ExternalId": "xyz"},
            {"sts:RoleSessionName": "run", "sts:ExternalId": "xyz"},
        ),
        (
            "events",
            "put_events",
            {"Entries": [{"Source": s, "DetailType": "t", "Detail": "{}"} for s in ("a", "b")]},
            {"events:source": ["a", "b"], "events:detail-type": "t"},
        ),
    ],
)
def test_request_says_what_conditions_ask_for(
    service: str, call: str, arguments: dict[str, Any], context: dict[str, Any]
) -> None:
    assert needed(service, call, **arguments)[0][2] == context


def test_operation_that_the_table_lacks_is_refused_by_name() -> None:
    with pytest.raises(UnknownOperationError, match="glue:ListCrawls .*operations.yml"):
        permissions("glue", "ListCrawls", {}, {})


def test_table_speaks_of_every_service_that_is_run() -> None:
    elsewhere = {"s3", "apigateway"}
    assert set(operations()) | elsewhere == set(SERVICES)


def test_table_names_operations_that_there_are() -> None:
    names = {"monitoring": "cloudwatch", "states": "stepfunctions"}
    names["tagging"] = "resourcegroupstaggingapi"
    for service, known in operations().items():
        client = boto3.client(names.get(service, service), region_name=REGION)  # type: ignore
        there = set(client.meta.service_model.operation_names)
        assert set(known) <= there, set(known) - there
