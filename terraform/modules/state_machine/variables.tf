variable "name" {
  description = "The state machine's name."
  type        = string
}

variable "definition" {
  description = "What it does, in the states language."
  type        = string
}

variable "role_arn" {
  description = "The role that it runs as."
  type        = string
}

variable "role_name" {
  description = "The same role's name, once it may do what it has to."
  type        = string
}

variable "is_traced" {
  description = "Whether X-Ray traces executions."
  type        = bool
}

variable "log_retention_days" {
  description = "How long logs are kept."
  type        = number
}

variable "kms_key_arn" {
  description = "The key that logs are encrypted by; null for AWS's own."
  type        = string
}
