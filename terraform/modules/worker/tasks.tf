# What becomes of tasks, told to the worker: a flow run whose task dies is reported as crashed.

resource "aws_sqs_queue" "tasks" {
  name                      = "${var.name}-ecs-tasks"
  message_retention_seconds = 3600 # older news helps nobody
  sqs_managed_sse_enabled   = true
}

data "aws_iam_policy_document" "tasks" {
  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.tasks.arn]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.tasks.arn]
    }
  }
}

resource "aws_sqs_queue_policy" "tasks" {
  queue_url = aws_sqs_queue.tasks.url
  policy    = data.aws_iam_policy_document.tasks.json
}

resource "aws_cloudwatch_event_rule" "tasks" {
  name        = "${var.name}-ecs-tasks"
  description = "What becomes of the tasks of ${var.name}."
  event_pattern = jsonencode({
    source        = ["aws.ecs"]
    "detail-type" = ["ECS Task State Change"]
    detail        = { clusterArn = [aws_ecs_cluster.this.arn] }
  })
}

resource "aws_cloudwatch_event_target" "tasks" {
  rule      = aws_cloudwatch_event_rule.tasks.name
  target_id = "worker"
  arn       = aws_sqs_queue.tasks.arn
}
