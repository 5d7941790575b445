"""What the embedded cloud does not run, and so does not pretend to."""

from __future__ import annotations

import re

# By the name that requests are signed for.
SERVICES = {
    "s3": "S3",
    "lambda": "Lambda",
    "glue": "Glue",
    "athena": "Athena",
    "redshift": "Redshift",
    "redshift-data": "the Redshift Data API",
    "redshift-serverless": "Redshift Serverless",
    "secretsmanager": "Secrets Manager",
    "sqs": "SQS",
    "sns": "SNS",
    "iam": "IAM",
    "sts": "STS",
    "monitoring": "CloudWatch",
    "logs": "CloudWatch Logs",
    "events": "EventBridge",
    "states": "Step Functions",
    "apigateway": "API Gateway",
    "ssm": "Systems Manager parameters",
    "kms": "KMS",
    "tagging": "resource tags",
}

# What moto would answer with success although nothing happens.
_OPERATIONS = {
    "apigateway": "CreateRestApi ImportRestApi",
    "athena": "CreateNotebook CreatePresignedNotebookUrl StartCalculationExecution StartSession",
    "events": "CreateApiDestination CreateArchive StartReplay",
    "glue": (
        "CreateBlueprint CreateCrawler CreateDevEndpoint CreateMLTransform CreateSession"
        " CreateTrigger CreateWorkflow RunStatement StartBlueprintRun StartColumnStatisticsTaskRun"
        " StartCrawler StartCrawlerSchedule StartDataQualityRulesetEvaluationRun"
        " StartDataQualityRuleRecommendationRun StartMLEvaluationTaskRun StartTrigger"
        " StartWorkflowRun UpdateCrawler"
    ),
    "lambda": "CreateFunctionUrlConfig PutProvisionedConcurrencyConfig",
    "logs": "CreateExportTask PutSubscriptionFilter StartQuery",
    "monitoring": ("PutAnomalyDetector PutCompositeAlarm PutMetricStream SetAlarmState"),
    "redshift": "EnableSnapshotCopy ResizeCluster RestoreFromClusterSnapshot",
    "s3": "RestoreObject SelectObjectContent",
    "secretsmanager": "ReplicateSecretToRegions RotateSecret",
    "sqs": "StartMessageMoveTask",
    "states": "StartSyncExecution TestState",
    "ssm": "CreateMaintenanceWindow SendCommand StartAutomationExecution StartSession",
    "sts": "GetFederationToken GetSessionToken",
}
# Where the protocol does not say the operation: service, method, and what path?query matches.
_REST = (
    ("apigateway", "POST", r"/restapis", "CreateRestApi"),
    ("apigateway", "PUT", r"/restapis", "ImportRestApi"),
    ("lambda", "POST", r"/2021-10-31/functions/[^/]+/url", "CreateFunctionUrlConfig"),
    ("lambda", "PUT", r".*/provisioned-concurrency", "PutProvisionedConcurrencyConfig"),
    ("s3", "POST", r".*\?restore", "RestoreObject"),
    ("s3", "POST", r".*\?select&", "SelectObjectContent"),
)
_REFUSED = {service: frozenset(names.split()) for service, names in _OPERATIONS.items()}


def name_refused(service: str, method: str, target: str) -> str:
    """The name of a refused operation whose request is known by method and path?query, or ""."""
    for of_service, of_method, pattern, name in _REST:
        if (of_service, of_method) == (service, method) and re.match(pattern, target):
            return name
    return ""


def refusal(service: str, operation: str) -> str | None:
    """Why a call is refused, or None if the embedded cloud runs it.

    Args:
        service: The name the request is signed for.
        operation: As AWS names it; "" where the request does not say.
    """
    if service not in SERVICES:
        return f"The embedded cloud does not run {service}. It runs {', '.join(SERVICES.values())}."
    if operation in _REFUSED.get(service, ()):
        return (
            f"The embedded cloud does not execute {service}:{operation}, and does not pretend to."
            " src/local_cloud/README.md says what it runs."
        )
    return None
