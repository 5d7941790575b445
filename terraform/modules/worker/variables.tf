variable "name" {
  description = "Prefix of every name; the cluster, the repository, the log group and the work pool have it alone."
  type        = string
}

variable "worker" {
  description = "settings.infrastructure.worker."
  type = object({
    workers            = number       # how many wait for flow runs; 0 for none
    cpu                = number       # of a flow run's task, in 1/1024 of a vCPU
    memory_mb          = number       # of a flow run's task
    prefect_api_url    = string       # https://api.prefect.cloud/api/accounts/…/workspaces/…
    prefect_api_secret = string       # the secret whose text is Prefect's API key
    capacity_providers = list(string) # FARGATE, or FARGATE_SPOT for what may be interrupted
  })
}

variable "image_tag" {
  description = "Of the flows' image in the repository made here; the worker's has -worker after it."
  type        = string
}

variable "environment" {
  description = "Variables of flow runs, ETL_ENV and the like."
  type        = map(string)
}

variable "flow_role_arn" {
  description = "The role that flows run as."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets with a way to Prefect's API, to ECR, logs and Secrets Manager."
  type        = list(string)
}

variable "security_group_ids" {
  description = "Security groups that nothing comes in by."
  type        = list(string)
}

variable "log_retention_days" {
  description = "How long the logs of workers and flow runs are kept."
  type        = number
}

variable "kms_key_arn" {
  description = "The key that images and logs are encrypted by; null for AWS's own."
  type        = string
}

variable "may_destroy" {
  description = "Whether `terraform destroy` may remove images."
  type        = bool
}
