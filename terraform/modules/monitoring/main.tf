# Alarms and a dashboard. A failure is told to people once: what the pipeline itself tells the alert
# topic (docs/alerts.md) goes to the operations topic from here, which is for machines to listen to.

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}

locals {
  # A flow, the state machine or the function itself tells of these functions' failures.
  told_functions = ["archiver", "pipeline", "validator"]

  operations = [aws_sns_topic.operations.arn]
  people     = [var.alert_topic_arn]
}

# Not alias/aws/sns: CloudWatch and EventBridge may not use AWS's own key of SNS, and say nothing then.
resource "aws_sns_topic" "operations" {
  name              = "${var.name}-operations"
  kms_master_key_id = var.kms_key_arn
}

data "aws_iam_policy_document" "operations" {
  statement {
    sid       = "Alarms"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.operations.arn]
    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
  statement {
    sid       = "Events" # without a condition: EventBridge publishes to no topic that has one for it
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.operations.arn]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }
}

resource "aws_sns_topic_policy" "operations" {
  arn    = aws_sns_topic.operations.arn
  policy = data.aws_iam_policy_document.operations.json
}
