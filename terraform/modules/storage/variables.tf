variable "buckets" {
  description = "Each bucket's name and lifecycle rules by its layer; `logs` takes access logs."
  type        = any # rules are S3's LifecycleRule, each with fields of its own
}

variable "has_key" {
  description = "Whether objects are encrypted by a key of one's own."
  type        = bool
}

variable "kms_key_arn" {
  description = "That key; null where there is none."
  type        = string
}

variable "may_destroy" {
  description = "Whether `terraform destroy` may remove buckets with all that is in them."
  type        = bool
}

variable "has_acceleration" {
  description = "Transfer acceleration of the raw bucket."
  type        = bool
}

variable "replication" {
  description = "The region of the copies, and whose buckets are copied; null for none."
  type = object({
    region = string
    layers = list(string)
  })
}

variable "name" {
  description = "Prefix of the replication's names."
  type        = string
}
