output "vpc_id" {
  description = "The VPC, null where there is none."
  value       = local.vpc_id
}

output "subnet_ids" {
  description = "The private subnets; none where there is no VPC."
  value       = local.subnet_ids
}

output "workload_security_group_id" {
  description = "For what runs flows and functions: nothing comes in; null where there is no VPC."
  value       = one(aws_security_group.workload[*].id)
}

output "warehouse_security_group_id" {
  description = "For Redshift: the workload comes in; null where there is no VPC."
  value       = one(aws_security_group.warehouse[*].id)
}
