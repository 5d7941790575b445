variable "name" {
  description = "The workgroup's name."
  type        = string
}

variable "results" {
  description = "Where answers go, an s3:// prefix."
  type        = string
}

variable "scan_limit_gib" {
  description = "A query that would read more is cancelled."
  type        = number
}

variable "kms_key_arn" {
  description = "The key that answers are encrypted by; null for S3's own."
  type        = string
}
