# An environment. How AWS's resources hang together stands here; every name, number and text comes
# from config/ and the contracts, by `python -m etl infrastructure`.

locals {
  deployment     = jsondecode(file(var.deployment_file))
  settings       = local.deployment.settings
  infrastructure = local.settings.infrastructure

  name        = local.deployment.name
  account_id  = local.deployment.account_id
  partition   = data.aws_partition.current.partition
  log_days    = local.infrastructure.log_retention_days
  has_key     = local.infrastructure.encryption == "sse-kms"
  key_arn     = module.encryption.key_arn
  may_destroy = !local.infrastructure.deletion_protection
  has_vpc     = local.infrastructure.vpc.mode != "none"
}

data "aws_partition" "current" {}

module "encryption" {
  source = "./modules/encryption"

  name    = local.name
  has_key = local.has_key
}

module "storage" {
  source    = "./modules/storage"
  providers = { aws = aws, aws.replica = aws.replica }

  name             = local.name
  buckets          = local.deployment.buckets
  has_key          = local.has_key
  kms_key_arn      = local.key_arn
  may_destroy      = local.may_destroy
  has_acceleration = local.infrastructure.transfer_acceleration
  replication      = local.infrastructure.replication
}

module "code" {
  source = "./modules/code"

  bucket = module.storage.names["artifacts"]
  files  = local.deployment.code
  root   = "${path.root}/.."
}

module "roles" {
  source = "./modules/roles"

  roles    = local.deployment.roles
  policies = "${path.root}/policies"
  variables = merge(local.deployment.policy_variables, {
    workgroup_arns = jsonencode(module.warehouse.workgroup_arns)
    kms_key_arns   = jsonencode(local.key_arn[*])
  })
}

module "secrets" {
  source = "./modules/secrets"

  names         = local.deployment.secrets
  recovery_days = local.infrastructure.secret_recovery_days
}

module "alerts" {
  source = "./modules/alerts"

  name        = local.settings.alerts.topic_name
  emails      = local.infrastructure.alarms.emails
  kms_key_arn = local.key_arn
}

module "functions" {
  source = "./modules/functions"

  account_id           = local.account_id
  partition            = local.partition
  functions            = local.deployment.functions
  code                 = { bucket = module.storage.names["artifacts"], keys = module.code.keys }
  role_arns            = module.roles.arns
  role_names           = module.roles.names
  raw_bucket           = module.storage.names["raw"]
  processor            = local.deployment.incoming
  archiver             = local.settings.archiver
  reserved_concurrency = local.infrastructure.reserved_concurrency
  is_traced            = local.infrastructure.tracing
  log_retention_days   = local.log_days
  kms_key_arn          = local.key_arn
}

module "ingest_api" {
  source = "./modules/ingest_api"
  count  = local.deployment.openapi == null ? 0 : 1

  name                = local.settings.ingest.api_name
  openapi             = local.deployment.openapi
  function_name       = module.functions.names["ingest"]
  requests_per_second = local.settings.ingest.requests_per_second
  burst               = local.settings.ingest.burst
  log_retention_days  = local.log_days
  kms_key_arn         = local.key_arn
}

module "glue" {
  source = "./modules/glue"

  job         = local.deployment.glue_job
  role_arn    = module.roles.arns["transform"]
  role_name   = module.roles.names["transform"]
  database    = local.settings.glue.database
  tables      = local.deployment.tables
  has_key     = local.has_key
  kms_key_arn = local.key_arn
}

module "athena" {
  source = "./modules/athena"

  name           = local.settings.athena.workgroup
  results        = local.deployment.athena_results
  scan_limit_gib = local.infrastructure.athena_scan_limit_gib
  kms_key_arn    = local.key_arn
}

module "warehouse" {
  source = "./modules/warehouse"

  warehouse     = local.settings.warehouse
  capacity      = local.infrastructure.warehouse
  copy_role_arn = module.roles.arns["copy"]
  kms_key_arn   = local.key_arn
  network = {
    subnet_ids         = local.has_vpc ? module.network.subnet_ids : null
    security_group_ids = local.has_vpc ? [module.network.warehouse_security_group_id] : null
  }
}

module "state_machine" {
  source = "./modules/state_machine"

  name               = local.settings.state_machine.name
  definition         = local.deployment.state_machine
  role_arn           = module.roles.arns["state_machine"]
  role_name          = module.roles.names["state_machine"]
  is_traced          = local.infrastructure.tracing
  log_retention_days = local.log_days
  kms_key_arn        = local.key_arn
}

# Where the pipeline's figures are logged, for CloudWatch to make metrics of.
resource "aws_cloudwatch_log_group" "metrics" {
  count = local.settings.metrics.log_group == null ? 0 : 1

  name              = local.settings.metrics.log_group
  retention_in_days = local.log_days
  kms_key_id        = local.key_arn
}

module "network" {
  source = "./modules/network"

  name               = local.name
  vpc                = local.infrastructure.vpc
  source_role_arns   = jsondecode(local.deployment.policy_variables.source_role_arns)
  warehouse_port     = local.settings.warehouse.port
  log_retention_days = local.log_days
  kms_key_arn        = local.key_arn
}

module "monitoring" {
  source = "./modules/monitoring"

  name                   = local.name
  environment            = local.deployment.environment
  alert_topic_arn        = module.alerts.topic_arn
  kms_key_arn            = local.key_arn
  thresholds             = local.infrastructure.alarms
  datasets               = local.deployment.scheduled_datasets
  functions              = local.deployment.functions
  dead_letter_queue_name = module.functions.dead_letter_queue_name
  glue_job_name          = module.glue.job_name
  state_machine_arn      = module.state_machine.arn
  metrics_namespace      = local.settings.metrics.namespace
  warehouse              = merge(local.settings.warehouse, { daily_rpu_hours = local.infrastructure.warehouse.daily_rpu_hours })
}

module "worker" {
  source = "./modules/worker"
  count  = local.infrastructure.worker == null ? 0 : 1

  name               = local.name
  worker             = local.infrastructure.worker
  image_tag          = local.infrastructure.image_tag
  environment        = { ETL_ENV = local.deployment.environment }
  flow_role_arn      = module.roles.arns["flow"]
  subnet_ids         = module.network.subnet_ids
  security_group_ids = [module.network.workload_security_group_id]
  log_retention_days = local.log_days
  kms_key_arn        = local.key_arn
  may_destroy        = local.may_destroy
}

module "github" {
  source = "./modules/github"
  count  = local.infrastructure.github == null ? 0 : 1

  name           = local.name
  repository     = local.infrastructure.github.repository
  environment    = local.deployment.environment
  makes_provider = local.infrastructure.github.makes_provider
  state_bucket   = local.deployment.state.bucket
  state_key      = local.deployment.state.key
  role_arns      = module.roles.arns

  artifacts_bucket = module.storage.names["artifacts"]
  bucket_names     = flatten([for each in values(module.storage.names) : [each, "${each}-replica"]])
  webhook_secret   = local.settings.alerts.webhook_secret
}
