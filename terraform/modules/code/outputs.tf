output "keys" {
  description = "The files' keys by name, once they are there."
  value       = { for name, file in aws_s3_object.this : name => file.key }
}
