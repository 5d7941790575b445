output "key_arn" {
  description = "The key, null where there is none."
  value       = one(aws_kms_key.this[*].arn)
}
