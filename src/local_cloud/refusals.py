"""What the embedded cloud does not run, and so does not pretend to."""

from __future__ import annotations

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
    "ssm": "Systems Manager parameters",
    "kms": "KMS",
    "tagging": "resource tags",
}

# What moto would answer with success although nothing happens.
_OPERATIONS = {
    "athena": "CreateNotebook CreatePresignedNotebookUrl StartCalculationExecution StartSession",
    "events": "CreateApiDestination CreateArchive PutTargets StartReplay",
    "glue": (
        "CreateBlueprint CreateCrawler CreateDevEndpoint CreateMLTransform CreateSession"
        " CreateTrigger CreateWorkflow RunStatement StartBlueprintRun StartColumnStatisticsTaskRun"
        " StartCrawler StartCrawlerSchedule StartDataQualityRulesetEvaluationRun"
        " StartDataQualityRuleRecommendationRun StartMLEvaluationTaskRun StartTrigger"
        " StartWorkflowRun UpdateCrawler"
    ),
    "logs": "CreateExportTask PutSubscriptionFilter StartQuery",
    "monitoring": (
        "PutAnomalyDetector PutCompositeAlarm PutMetricAlarm PutMetricStream SetAlarmState"
    ),
    "redshift": "EnableSnapshotCopy ResizeCluster RestoreFromClusterSnapshot",
    "secretsmanager": "ReplicateSecretToRegions RotateSecret",
    "sqs": "StartMessageMoveTask",
    "ssm": "CreateMaintenanceWindow SendCommand StartAutomationExecution StartSession",
    "sts": "GetFederationToken GetSessionToken",
}
_REFUSED = {service: frozenset(names.split()) for service, names in _OPERATIONS.items()}


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
