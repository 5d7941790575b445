variable "name" {
  description = "The bucket's name."
  type        = string
}

variable "rules" {
  description = "Lifecycle rules, as S3's PutBucketLifecycleConfiguration takes them."
  type        = any # each has fields of its own
}

variable "kms_key_arn" {
  description = "The key that objects are encrypted by; null for S3's own."
  type        = string
}

variable "may_destroy" {
  description = "Whether `terraform destroy` may remove the bucket with all that is in it."
  type        = bool
}

variable "policies" {
  description = "Documents of a bucket policy, beside what every bucket refuses."
  type        = list(string)
  default     = []
}
