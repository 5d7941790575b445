output "arns" {
  description = "The roles' ARNs by key."
  value       = { for key, role in aws_iam_role.this : key => role.arn }
}

output "names" {
  description = "The roles' names by key, once each may do what it has to."
  value       = { for key, role in aws_iam_role.this : key => role.name }
  depends_on  = [aws_iam_role_policy.this]
}
