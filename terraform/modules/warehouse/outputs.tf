output "workgroup_arns" {
  description = "The workgroup, none for a cluster: its ARN has an id that only its making tells."
  value       = aws_redshiftserverless_workgroup.this[*].arn
}

output "endpoint" {
  description = "Host of the workgroup; null for a cluster."
  value       = try(aws_redshiftserverless_workgroup.this[0].endpoint[0].address, null)
}
