variable "name" {
  description = "Prefix of the names of the environment's resources, and of the roles made here."
  type        = string
}

variable "repository" {
  description = "owner/name on GitHub."
  type        = string

  validation {
    condition     = can(regex("^[^/*]+/[^/*]+$", var.repository))
    error_message = "repository is owner/name, without wildcards."
  }
}

variable "environment" {
  description = "GitHub's environment that deploys: it asks for approval, and limits branches and tags."
  type        = string
}

variable "makes_provider" {
  description = "Whether GitHub's identity provider is made here: an account has one."
  type        = bool
}

variable "state_bucket" {
  description = "Where Terraform's state lies; null where it lies elsewhere."
  type        = string
}

variable "state_key" {
  description = "The state's key in that bucket."
  type        = string
}

variable "role_arns" {
  description = "Roles of the environment by key: deploying makes them and hands them to services."
  type        = map(string)
}

variable "bucket_names" {
  description = "The environment's buckets, copies included: deploying makes them."
  type        = list(string)
}

variable "artifacts_bucket" {
  description = "The bucket that code and contracts are put into."
  type        = string
}

variable "webhook_secret" {
  description = "The secret with the address that Prefect's automations tell; null for none."
  type        = string
}
