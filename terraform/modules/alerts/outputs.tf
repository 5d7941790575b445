output "topic_arn" {
  description = "The topic."
  value       = local.topic_arn
}
