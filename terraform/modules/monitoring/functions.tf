resource "aws_cloudwatch_metric_alarm" "function_errors" {
  for_each = var.functions

  alarm_name          = "${each.value.name}-errors"
  alarm_description   = "The function ${each.value.name} failed, crashed or ran out of time. docs/operations.md"
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = each.value.name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = contains(local.told_functions, each.key) ? local.operations : local.people
}

resource "aws_cloudwatch_metric_alarm" "function_duration" {
  for_each = var.functions

  alarm_name          = "${each.value.name}-duration"
  alarm_description   = "The function ${each.value.name} took more than ${var.thresholds.duration_percent} % of its ${each.value.timeout_seconds} seconds. docs/operations.md"
  namespace           = "AWS/Lambda"
  metric_name         = "Duration"
  dimensions          = { FunctionName = each.value.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.timeout_seconds * 10 * var.thresholds.duration_percent # milliseconds
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.people
}
