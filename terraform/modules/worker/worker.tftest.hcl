# The embedded cloud runs no containers: these are planned against a provider that answers nothing.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\": \"2012-10-17\", \"Statement\": []}" }
  }
  mock_data "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:etl-test/prefect-AbCdEf" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/etl-test-worker" }
  }
  mock_resource "aws_ecs_cluster" {
    defaults = { arn = "arn:aws:ecs:eu-west-1:123456789012:cluster/etl-test" }
  }
  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-west-1:123456789012:rule/etl-test-ecs-tasks" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-west-1:123456789012:etl-test-ecs-tasks" }
  }
  mock_resource "aws_ecr_repository" {
    defaults = { repository_url = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/etl-test" }
  }
}

variables {
  name               = "etl-test"
  environment        = { ETL_ENV = "test" }
  flow_role_arn      = "arn:aws:iam::123456789012:role/etl-test-flow"
  subnet_ids         = ["subnet-1", "subnet-2"]
  security_group_ids = ["sg-1"]
  log_retention_days = 30
  kms_key_arn        = null
  may_destroy        = false
  image_tag          = "3f2a"
  worker = {
    workers            = 1
    cpu                = 1024
    memory_mb          = 4096
    prefect_api_url    = "https://prefect.example.com/api"
    prefect_api_secret = "etl-test/prefect"
    capacity_providers = ["FARGATE"]
  }
}

run "key_comes_from_the_secret_alone" {
  assert {
    condition = alltrue([
      for definition in [aws_ecs_task_definition.worker, aws_ecs_task_definition.flow] :
      jsondecode(definition.container_definitions)[0].secrets == [{ name = "PREFECT_API_KEY", valueFrom = data.aws_secretsmanager_secret.prefect.arn }]
    ])
    error_message = "Both containers get Prefect's key from Secrets Manager."
  }
  assert {
    condition     = strcontains(aws_ecs_task_definition.worker.container_definitions, "https://prefect.example.com/api")
    error_message = "The address of Prefect's API is no secret."
  }
}

run "flows_run_as_their_role_in_their_image" {
  assert {
    condition     = aws_ecs_task_definition.flow.task_role_arn == var.flow_role_arn
    error_message = "Flows have their role, not the worker's."
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.flow.container_definitions)[0].image == "${aws_ecr_repository.this.repository_url}:3f2a"
    error_message = "Flows have their image."
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.worker.container_definitions)[0].image == "${aws_ecr_repository.this.repository_url}:3f2a-worker"
    error_message = "The worker has its own image."
  }
}

run "nothing_comes_in_and_images_stay" {
  assert {
    condition     = aws_ecs_service.worker.network_configuration[0].assign_public_ip == false
    error_message = "Workers have no public address."
  }
  assert {
    condition     = aws_ecr_repository.this.image_tag_mutability == "IMMUTABLE" && aws_ecr_repository.this.image_scanning_configuration[0].scan_on_push
    error_message = "Images are scanned, and never replaced."
  }
}
