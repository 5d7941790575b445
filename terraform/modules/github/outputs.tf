output "role_arn" {
  description = "What workflows name as role-to-assume."
  value       = aws_iam_role.apply.arn
}
