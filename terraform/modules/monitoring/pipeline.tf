# The processor tells of the messages that it gives up, and a crash is the function's alarm.
resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  alarm_name          = "${var.dead_letter_queue_name}-messages"
  alarm_description   = "There are messages that could not be processed: python -m etl redrive --env ${var.environment}. docs/operations.md"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = var.dead_letter_queue_name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.operations
}

# A reminder; also of those that SQS moved by itself.
resource "aws_cloudwatch_metric_alarm" "old_dead_letters" {
  alarm_name          = "${var.dead_letter_queue_name}-age"
  alarm_description   = "Messages that could not be processed wait for more than ${var.thresholds.dead_letter_hours} hours: python -m etl redrive --env ${var.environment}. docs/operations.md"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = var.dead_letter_queue_name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.thresholds.dead_letter_hours * 3600
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.people
}

# Flows and the state machine tell of the runs that these fail.
resource "aws_cloudwatch_event_rule" "glue_failures" {
  name        = "${var.name}-glue-failures"
  description = "Runs of ${var.glue_job_name} that did not end well."
  event_pattern = jsonencode({
    source        = ["aws.glue"]
    "detail-type" = ["Glue Job State Change"]
    detail        = { jobName = [var.glue_job_name], state = ["FAILED", "TIMEOUT", "ERROR"] }
  })
}

resource "aws_cloudwatch_event_target" "glue_failures" {
  rule      = aws_cloudwatch_event_rule.glue_failures.name
  target_id = "operations"
  arn       = aws_sns_topic.operations.arn
}

resource "aws_cloudwatch_metric_alarm" "state_machine_failures" {
  alarm_name          = "${var.name}-state-machine-failures"
  alarm_description   = "An execution failed; its Catch has told why. docs/operations.md"
  namespace           = "AWS/States"
  metric_name         = "ExecutionsFailed"
  dimensions          = { StateMachineArn = var.state_machine_arn }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.operations
}

resource "aws_cloudwatch_metric_alarm" "state_machine_timeouts" {
  alarm_name          = "${var.name}-state-machine-timeouts"
  alarm_description   = "An execution ran out of time, which no Catch sees. docs/operations.md"
  namespace           = "AWS/States"
  metric_name         = "ExecutionsTimedOut"
  dimensions          = { StateMachineArn = var.state_machine_arn }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.people
}

# A run that ends well says how many days its date is past (etl.metrics); silence is what is told.
resource "aws_cloudwatch_metric_alarm" "freshness" {
  for_each = var.datasets

  alarm_name          = "${var.name}-${each.key}-freshness"
  alarm_description   = "No run of ${each.key} for today or yesterday has ended well for ${var.thresholds.freshness_hours} hours. docs/operations.md"
  namespace           = var.metrics_namespace
  metric_name         = "LagDays"
  dimensions          = { Environment = var.environment, Dataset = each.key, Step = "finish" }
  statistic           = "Minimum"
  period              = 3600
  evaluation_periods  = var.thresholds.freshness_hours
  comparison_operator = "GreaterThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = local.people
  ok_actions          = local.people
}
