variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "vpc" {
  description = "settings.infrastructure.vpc: where the worker runs, and what else is said to run in a VPC."
  type = object({
    mode               = string       # none, create or existing
    cidr               = string       # create: a /16 to /24
    availability_zones = number       # create: how many have a subnet
    nat                = bool         # create: a way to the internet, for sources and Prefect Cloud
    vpc_id             = string       # existing; null otherwise
    subnet_ids         = list(string) # existing
    route_table_ids    = list(string) # existing: what the S3 endpoint is routed by
    endpoints          = list(string) # AWS services that are reached without the internet: s3, glue, …
    egress_ports       = list(number) # beside 443 and the warehouse's: databases, a Prefect server
  })

  validation {
    condition     = contains(["none", "create", "existing"], var.vpc.mode)
    error_message = "mode is none, create or existing."
  }
  validation {
    condition     = var.vpc.mode != "existing" || (var.vpc.vpc_id != null && length(var.vpc.subnet_ids) > 0)
    error_message = "mode existing takes vpc_id and subnet_ids."
  }
}

variable "source_role_arns" {
  description = "Roles of other accounts, by which sources on S3 are read."
  type        = list(string)
}

variable "warehouse_port" {
  description = "Where Redshift listens."
  type        = number
}

variable "log_retention_days" {
  description = "How long flow logs are kept."
  type        = number
}

variable "kms_key_arn" {
  description = "The key that logs are encrypted by; null for AWS's own."
  type        = string
}
