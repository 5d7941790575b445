# The state machine. Its definition is stepfunctions/full_pipeline.asl.json, filled in.

resource "aws_cloudwatch_log_group" "this" {
  # With another beginning, each state machine makes the account's one log policy longer.
  name              = "/aws/vendedlogs/states/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_sfn_state_machine" "this" {
  #checkov:skip=CKV_AWS_285:errors are logged; data stays in the execution's history
  name       = var.name
  definition = var.definition
  role_arn   = var.role_arn

  logging_configuration {
    level                  = "ERROR"
    include_execution_data = false # the execution's history has it
    log_destination        = "${aws_cloudwatch_log_group.this.arn}:*"
  }

  tracing_configuration {
    enabled = var.is_traced
  }

  depends_on = [aws_iam_role_policy.logs, aws_iam_role_policy.tracing]
}

# What Step Functions asks for, to let CloudWatch deliver its log ("Using CloudWatch Logs to log
# execution history"): none of it takes a resource.
data "aws_iam_policy_document" "logs" {
  statement {
    actions = [
      "logs:CreateLogDelivery",
      "logs:DeleteLogDelivery",
      "logs:DescribeLogGroups",
      "logs:DescribeResourcePolicies",
      "logs:GetLogDelivery",
      "logs:ListLogDeliveries",
      "logs:PutResourcePolicy",
      "logs:UpdateLogDelivery",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "logs" {
  name   = "deliver-logs"
  role   = var.role_name
  policy = data.aws_iam_policy_document.logs.json
}

# What X-Ray asks for: it takes no resource.
data "aws_iam_policy_document" "tracing" {
  statement {
    actions = [
      "xray:GetSamplingRules",
      "xray:GetSamplingTargets",
      "xray:PutTelemetryRecords",
      "xray:PutTraceSegments",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "tracing" {
  count = var.is_traced ? 1 : 0

  name   = "trace"
  role   = var.role_name
  policy = data.aws_iam_policy_document.tracing.json
}
