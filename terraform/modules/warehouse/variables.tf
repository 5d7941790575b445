variable "warehouse" {
  description = "settings.warehouse."
  type = object({
    kind               = string
    workgroup_name     = string
    cluster_identifier = string
    database           = string
    port               = number
  })
}

variable "capacity" {
  description = "settings.infrastructure.warehouse."
  type = object({
    base_rpu          = number
    daily_rpu_hours   = number
    cluster_role_arns = list(string)
  })
}

variable "copy_role_arn" {
  description = "The role that COPY reads S3 as."
  type        = string
}

variable "network" {
  description = "Where the workgroup stands; nulls for the account's default VPC."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
}

variable "kms_key_arn" {
  description = "The key that data is encrypted by; null for AWS's own."
  type        = string
}
