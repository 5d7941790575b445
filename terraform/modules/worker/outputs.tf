output "repository_url" {
  description = "Where images are pushed."
  value       = aws_ecr_repository.this.repository_url
}

output "job_variables" {
  description = "What the work pool is told, as Prefect's ECS worker names it."
  value = {
    cluster                    = aws_ecs_cluster.this.name
    task_definition_arn        = aws_ecs_task_definition.flow.family # the family: its latest revision
    container_name             = "prefect"
    launch_type                = "FARGATE"
    prefect_api_key_secret_arn = local.secret_arn # taken out of the variables; the task definition has it
    subnets                    = var.subnet_ids
    security_groups            = var.security_group_ids
  }
}
