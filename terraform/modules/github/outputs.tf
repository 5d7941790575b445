output "role_arns" {
  description = "What workflows name as role-to-assume: plan and apply."
  value       = { for key, role in aws_iam_role.this : key => role.arn }
}
