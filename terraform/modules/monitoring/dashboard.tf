locals {
  alarms = concat(
    values(aws_cloudwatch_metric_alarm.function_errors)[*].arn,
    values(aws_cloudwatch_metric_alarm.function_duration)[*].arn,
    values(aws_cloudwatch_metric_alarm.freshness)[*].arn,
    [
      aws_cloudwatch_metric_alarm.dead_letters.arn,
      aws_cloudwatch_metric_alarm.old_dead_letters.arn,
      aws_cloudwatch_metric_alarm.state_machine_failures.arn,
      aws_cloudwatch_metric_alarm.state_machine_timeouts.arn,
    ],
    aws_cloudwatch_metric_alarm.serverless_usage[*].arn,
    aws_cloudwatch_metric_alarm.cluster_health[*].arn,
    aws_cloudwatch_metric_alarm.cluster_disk[*].arn,
  )

  pipeline_search = "{\"${var.metrics_namespace}\",Environment,Dataset,Step} Environment=\"${var.environment}\""
  warehouse_metrics = var.warehouse.workgroup_name == null ? [
    ["AWS/Redshift", "PercentageDiskSpaceUsed", "ClusterIdentifier", var.warehouse.cluster_identifier],
    ["AWS/Redshift", "CPUUtilization", "ClusterIdentifier", var.warehouse.cluster_identifier],
    ] : [
    ["AWS/Redshift-Serverless", "ComputeSeconds", "Workgroup", var.warehouse.workgroup_name],
  ]

  graphs = [
    {
      title   = "Records, by dataset and step"
      stat    = "Sum"
      metrics = [[{ expression = "SEARCH('${local.pipeline_search} MetricName=\"Records\"', 'Sum', 3600)" }]]
    },
    {
      title   = "Records that were rejected or failed"
      stat    = "Sum"
      metrics = [[{ expression = "SEARCH('${local.pipeline_search} MetricName=\"Errors\"', 'Sum', 3600)" }]]
    },
    {
      title   = "Functions: errors"
      stat    = "Sum"
      metrics = [for each in values(var.functions) : ["AWS/Lambda", "Errors", "FunctionName", each.name]]
    },
    {
      title   = "Functions: longest, in milliseconds"
      stat    = "Maximum"
      metrics = [for each in values(var.functions) : ["AWS/Lambda", "Duration", "FunctionName", each.name]]
    },
    {
      title   = "Dead letters"
      stat    = "Maximum"
      metrics = [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.dead_letter_queue_name]]
    },
    {
      title = "Executions of the state machine"
      stat  = "Sum"
      metrics = [
        for metric in ["ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut"] :
        ["AWS/States", metric, "StateMachineArn", var.state_machine_arn]
      ]
    },
    {
      title   = "Glue: runs that failed"
      stat    = "Sum"
      metrics = [["AWS/Events", "MatchedEvents", "RuleName", aws_cloudwatch_event_rule.glue_failures.name]]
    },
    {
      title   = "Redshift"
      stat    = var.warehouse.workgroup_name == null ? "Average" : "Sum" # per cent, or seconds used
      metrics = local.warehouse_metrics
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = concat(
      [{
        type       = "alarm", x = 0, y = 0, width = 24, height = 4
        properties = { title = "Alarms", alarms = local.alarms }
      }],
      [for index, graph in local.graphs : {
        type = "metric", x = 12 * (index % 2), y = 4 + 6 * floor(index / 2), width = 12, height = 6
        properties = {
          title   = graph.title
          metrics = graph.metrics
          stat    = graph.stat
          period  = 300
          region  = data.aws_region.current.name
          view    = "timeSeries"
        }
      }],
    )
  })
}
