variable "account_id" {
  description = "This account."
  type        = string
}

variable "partition" {
  description = "aws, but for China and GovCloud."
  type        = string
}

variable "functions" {
  description = "By key, which is the archive's name too."
  type = map(object({
    name            = string
    runtime         = string
    handler         = string
    memory_mb       = number
    timeout_seconds = number
    storage_mb      = number
    environment     = map(string)
    retries         = number # of asynchronous calls; null for AWS's two
    code_sha256     = string
  }))
}

variable "code" {
  description = "The bucket of the archives, and their keys by name."
  type        = object({ bucket = string, keys = map(string) })
}

variable "role_arns" {
  description = "The role of each function, by key."
  type        = map(string)
}

variable "role_names" {
  description = "The same roles' names."
  type        = map(string)
}

variable "raw_bucket" {
  description = "Where objects arrive."
  type        = string
}

variable "processor" {
  description = "The processor's queues, and what arrives for it."
  type = object({
    queue_name             = string
    dead_letter_queue_name = string
    incoming_prefix        = string
    retention_days         = number
    visibility_seconds     = number
    max_receive_count      = number
    batch_size             = number
  })
}

variable "archiver" {
  description = "settings.archiver: when it runs."
  type        = object({ rule_name = string, schedule = string })
}

variable "reserved_concurrency" {
  description = "By key: how many of a function run at once; what is not named shares the account's."
  type        = map(number)
}

variable "is_traced" {
  description = "Whether X-Ray traces calls."
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
