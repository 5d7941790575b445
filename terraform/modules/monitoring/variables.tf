variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "environment" {
  description = "The environment, a dimension of the pipeline's metrics."
  type        = string
}

variable "alert_topic_arn" {
  description = "Where people are told of what nothing else tells them."
  type        = string
}

variable "kms_key_arn" {
  description = "The key of the operations topic, which CloudWatch and EventBridge may use; null for none."
  type        = string
}

variable "thresholds" {
  description = "settings.infrastructure.alarms."
  type = object({
    freshness_hours   = number # how long a dataset may be without a run that ended well
    dead_letter_hours = number # how long dead letters may wait
    duration_percent  = number # of a function's time-out
    disk_percent      = number # of a Redshift cluster
  })
}

variable "datasets" {
  description = "Datasets that a schedule runs every day."
  type        = set(string)
}

variable "functions" {
  description = "The Lambda functions by key."
  type = map(object({
    name            = string
    timeout_seconds = number
  }))
}

variable "dead_letter_queue_name" {
  description = "Where messages end that could not be processed."
  type        = string
}

variable "glue_job_name" {
  description = "The Glue job."
  type        = string
}

variable "state_machine_arn" {
  description = "The state machine."
  type        = string
}

variable "warehouse" {
  description = "Redshift: one of the two names is null."
  type = object({
    workgroup_name     = string
    cluster_identifier = string
    daily_rpu_hours    = number # serverless: the limit of a day; null for none
  })
}

variable "metrics_namespace" {
  description = "Of the metrics that the pipeline itself sends."
  type        = string
}
