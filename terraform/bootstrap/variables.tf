variable "region" {
  description = "Where the state lies."
  type        = string
}

variable "bucket" {
  description = "The bucket of Terraform's state, one for all environments of the account."
  type        = string
}

variable "s3_use_path_style" {
  description = "True for the embedded cloud, whose buckets have no host names."
  type        = bool
  default     = false
}
