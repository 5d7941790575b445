"""What Terraform asks of the embedded cloud beyond what programs do, asked by boto3."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config

Client = Callable[[str], Any]

PASSES = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})


def test_state_machines_are_validated_and_have_versions(cloud: dict[str, str]) -> None:
    states = boto3.client("stepfunctions", config=Config(inject_host_prefix=False))
    good = states.validate_state_machine_definition(definition=PASSES)
    assert (good["result"], good["diagnostics"]) == ("OK", [])
    bad = states.validate_state_machine_definition(definition='{"StartAt": "Nowhere"}')
    assert bad["result"] == "FAIL" and bad["diagnostics"][0]["severity"] == "ERROR"
    role = "arn:aws:iam::123456789012:role/etl-local-full-pipeline"
    made = states.create_state_machine(
        name="versioned", definition=PASSES, roleArn=role, publish=True
    )
    found = states.list_state_machine_versions(stateMachineArn=made["stateMachineArn"])
    (version,) = found["stateMachineVersions"]
    assert version["stateMachineVersionArn"] == f"{made['stateMachineArn']}:1"
    states.delete_state_machine(stateMachineArn=made["stateMachineArn"])


def test_queue_keeps_its_policies_when_something_else_is_set(client: Client) -> None:
    sqs = client("sqs")
    statement = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    allow = json.dumps({"redrivePermission": "denyAll"})
    url = sqs.create_queue(QueueName="kept", Attributes={"Policy": policy})["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedriveAllowPolicy": allow})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "60"})
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (found["Policy"], found["RedriveAllowPolicy"]) == (policy, allow)
    named = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedriveAllowPolicy"])
    assert named["Attributes"] == {"RedriveAllowPolicy": allow}
    sqs.delete_queue(QueueUrl=url)


def test_versioned_bucket_is_emptied_markers_and_all(client: Client) -> None:
    s3, bucket = client("s3"), {"Bucket": "emptied"}
    s3.create_bucket(**bucket)
    s3.put_bucket_versioning(**bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(**bucket, Key="k", Body=b"1")["VersionId"]
    markers = [s3.delete_object(**bucket, Key="k")["VersionId"] for _ in range(2)]
    second = s3.put_object(**bucket, Key="k", Body=b"2")["VersionId"]
    for versions in ([second, first], markers):
        objects = [{"Key": "k", "VersionId": each} for each in versions]
        assert "Errors" not in s3.delete_objects(**bucket, Delete={"Objects": objects})
    s3.delete_bucket(**bucket)


def test_alarms_are_kept_and_never_have_an_opinion(client: Client) -> None:
    cloudwatch = client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="errors",
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
    )
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=["errors"])["MetricAlarms"]
    assert alarm["StateValue"] == "INSUFFICIENT_DATA" and "embedded cloud" in alarm["StateReason"]
    with pytest.raises(cloudwatch.exceptions.ClientError, match="does not pretend to"):
        cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="told so")
    cloudwatch.delete_alarms(AlarmNames=["errors"])


def test_workgroup_without_tags_has_none(client: Client) -> None:
    athena = client("athena")
    athena.create_work_group(Name="untagged")
    arn = "arn:aws:athena:us-east-1:123456789012:workgroup/untagged"
    assert athena.list_tags_for_resource(ResourceARN=arn)["Tags"] == []
    athena.delete_work_group(WorkGroup="untagged")


def test_function_logs_where_it_is_told(client: Client) -> None:
    functions = client("lambda")
    name = "etl-local-validator"
    found = functions.get_function_configuration(FunctionName=name)["LoggingConfig"]
    assert found == {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}
    with pytest.raises(functions.exceptions.InvalidParameterValueException, match="logs text"):
        functions.update_function_configuration(
            FunctionName=name, LoggingConfig={"LogFormat": "JSON"}
        )


def test_serverless_warehouse_is_described_as_it_was_asked_for(client: Client) -> None:
    serverless, secrets = client("redshift-serverless"), client("secretsmanager")
    made = serverless.create_namespace(namespaceName="described", manageAdminPassword=True)
    secret = made["namespace"]["adminPasswordSecretArn"]
    held = json.loads(secrets.get_secret_value(SecretId=secret)["SecretString"])
    assert held["username"] == made["namespace"]["adminUsername"] and held["password"]
    group = serverless.create_workgroup(
        workgroupName="described", namespaceName="described", port=5440
    )["workgroup"]
    assert group["port"] == 5440 and group["endpoint"]["port"] == int(os.environ["PGPORT"])
    arn = group["workgroupArn"]
    serverless.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "data"}])
    serverless.untag_resource(resourceArn=arn, tagKeys=["absent"])
    assert serverless.list_tags_for_resource(resourceArn=arn)["tags"] == [
        {"key": "team", "value": "data"}
    ]
    limit = serverless.create_usage_limit(
        resourceArn=arn, usageType="serverless-compute", amount=8, period="daily"
    )["usageLimit"]
    serverless.update_usage_limit(usageLimitId=limit["usageLimitId"], amount=9)
    (found,) = serverless.list_usage_limits(resourceArn=arn)["usageLimits"]
    assert (found["amount"], found["period"], found["breachAction"]) == (9, "daily", "log")
    serverless.delete_usage_limit(usageLimitId=limit["usageLimitId"])
    serverless.delete_workgroup(workgroupName="described")
    serverless.delete_namespace(namespaceName="described")
    with pytest.raises(secrets.exceptions.ResourceNotFoundException):
        secrets.get_secret_value(SecretId=secret)
