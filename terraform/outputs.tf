output "buckets" {
  description = "The buckets by layer."
  value       = module.storage.names
}

output "ingest_url" {
  description = "Where records are sent: POST <url>/ingest/<dataset>; null without an API."
  value       = try(module.ingest_api[0].url, null)
}

output "state_machine_arn" {
  description = "The state machine."
  value       = module.state_machine.arn
}

output "warehouse_endpoint" {
  description = "Host of the serverless warehouse; null for a cluster."
  value       = module.warehouse.endpoint
}

output "alerts_topic_arn" {
  description = "The topic of failures and alarms."
  value       = module.alerts.topic_arn
}

output "empty_secrets" {
  description = "Secrets whose values are to be put by hand."
  value       = local.deployment.secrets
}

output "worker" {
  description = "What the work pool of Prefect's is told; nothing where flows run elsewhere."
  value       = try(module.worker[0].job_variables, {}) # Terraform forgets an output that is null
}

output "image_repository" {
  description = "Where the flows' image is pushed; null where flows run elsewhere."
  value       = try(module.worker[0].repository_url, null)
}

output "github_role_arn" {
  description = "What GitHub's workflows name as role-to-assume; null where none deploys."
  value       = try(module.github[0].role_arn, null)
}
