# What becomes of tasks, told to the worker: a flow run whose task dies is reported as crashed.

resource "aws_sqs_queue" "tasks" {
  name                      = "${var.name}-ecs-tasks"
  message_retention_seconds = 3600 # older news helps nobody
  sqs_managed_sse_enabled   = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${var.name}-ecs-tasks"
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.tasks.arn } }
    }]
  })
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
