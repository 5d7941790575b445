resource "aws_cloudwatch_metric_alarm" "serverless_usage" {
  count = var.warehouse.workgroup_name == null || var.warehouse.daily_rpu_hours == null ? 0 : 1

  alarm_name          = "${var.warehouse.workgroup_name}-redshift-usage"
  alarm_description   = "The workgroup has used 80 % of a day's ${var.warehouse.daily_rpu_hours} RPU hours, after which queries are refused. docs/operations.md"
  namespace           = "AWS/Redshift-Serverless"
  metric_name         = "ComputeSeconds"
  dimensions          = { Workgroup = var.warehouse.workgroup_name }
  statistic           = "Sum"
  period              = 86400
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.warehouse.daily_rpu_hours * 3600 * 0.8
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.people
}

resource "aws_cloudwatch_metric_alarm" "cluster_health" {
  count = var.warehouse.cluster_identifier == null ? 0 : 1

  alarm_name          = "${var.warehouse.cluster_identifier}-redshift-health"
  alarm_description   = "The cluster cannot be reached. docs/operations.md"
  namespace           = "AWS/Redshift"
  metric_name         = "HealthStatus"
  dimensions          = { ClusterIdentifier = var.warehouse.cluster_identifier }
  statistic           = "Minimum"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = local.people
  ok_actions          = local.people
}

resource "aws_cloudwatch_metric_alarm" "cluster_disk" {
  count = var.warehouse.cluster_identifier == null ? 0 : 1

  alarm_name          = "${var.warehouse.cluster_identifier}-redshift-disk"
  alarm_description   = "More than ${var.thresholds.disk_percent} % of the cluster's disks are used. docs/operations.md"
  namespace           = "AWS/Redshift"
  metric_name         = "PercentageDiskSpaceUsed"
  dimensions          = { ClusterIdentifier = var.warehouse.cluster_identifier }
  statistic           = "Average"
  period              = 900
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.thresholds.disk_percent
  treat_missing_data  = "breaching"
  alarm_actions       = local.people
}
