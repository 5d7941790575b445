# Prefect's workers on Fargate. A worker waits for flow runs of its pool and starts a task for each.

data "aws_region" "current" {}
data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  region     = data.aws_region.current.name
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition

  image      = "${aws_ecr_repository.this.repository_url}:${var.image_tag}" # of flows; the worker's: Dockerfile
  secret_arn = data.aws_secretsmanager_secret.prefect.arn
  container = {
    image     = local.image
    essential = true
    secrets   = [{ name = "PREFECT_API_KEY", valueFrom = local.secret_arn }]
    # The root file system is writable: Prefect and Python write below the home and /tmp.
    linuxParameters = { initProcessEnabled = true }
  }
}

# It is there before: nothing of Terraform's knows the key.
data "aws_secretsmanager_secret" "prefect" {
  name = var.worker.prefect_api_secret
}

resource "aws_ecs_cluster" "this" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/ecs/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_ecs_task_definition" "worker" {
  family                   = "${var.name}-worker"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  task_role_arn            = aws_iam_role.worker.arn
  execution_role_arn       = aws_iam_role.execution.arn

  container_definitions = jsonencode([merge(local.container, {
    name    = "worker"
    image   = "${local.image}-worker"
    command = ["prefect", "worker", "start", "--pool", var.name, "--type", "ecs"]
    environment = [
      { name = "PREFECT_API_URL", value = var.worker.prefect_api_url },
      { name = "PREFECT_INTEGRATIONS_AWS_ECS_OBSERVER_SQS_QUEUE_NAME", value = aws_sqs_queue.tasks.name },
    ]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = aws_cloudwatch_log_group.this.name
        "awslogs-region"        = local.region
        "awslogs-stream-prefix" = "worker"
      }
    }
  })])
}

# What the worker starts for a flow run; it adds the command and the run's own variables.
resource "aws_ecs_task_definition" "flow" {
  family                   = "${var.name}-flow"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.worker.cpu
  memory                   = var.worker.memory_mb
  task_role_arn            = var.flow_role_arn
  execution_role_arn       = aws_iam_role.execution.arn

  container_definitions = jsonencode([merge(local.container, {
    name        = "prefect"
    environment = [for name in sort(keys(var.environment)) : { name = name, value = var.environment[name] }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = aws_cloudwatch_log_group.this.name
        "awslogs-region"        = local.region
        "awslogs-stream-prefix" = "flow"
      }
    }
  })])
}

resource "aws_ecs_service" "worker" {
  name                               = "${var.name}-worker"
  cluster                            = aws_ecs_cluster.this.id
  task_definition                    = aws_ecs_task_definition.worker.arn
  desired_count                      = var.worker.workers
  deployment_minimum_healthy_percent = 0 # the pool is polled: a gap of seconds delays, and loses nothing
  deployment_maximum_percent         = 100
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"

  dynamic "capacity_provider_strategy" {
    for_each = toset(var.worker.capacity_providers)
    content {
      capacity_provider = capacity_provider_strategy.value
      weight            = 1
    }
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = var.security_group_ids
    assign_public_ip = false
  }

  depends_on = [aws_ecs_cluster_capacity_providers.this]
}
