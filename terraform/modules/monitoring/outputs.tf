output "operations_topic_arn" {
  description = "What AWS itself says of failures that the pipeline tells people of."
  value       = aws_sns_topic.operations.arn
}

output "dashboard_name" {
  description = "CloudWatch's dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}
