variable "name" {
  description = "The API's name."
  type        = string
}

variable "openapi" {
  description = "Its description, as API Gateway imports it."
  type        = string
}

variable "function_name" {
  description = "The function behind it."
  type        = string
}

variable "requests_per_second" {
  description = "What it takes, of each route."
  type        = number
}

variable "burst" {
  description = "What it takes at once, of each route."
  type        = number
}

variable "log_retention_days" {
  description = "How long its access log is kept."
  type        = number
}

variable "kms_key_arn" {
  description = "The key that the log is encrypted by; null for AWS's own."
  type        = string
}
