variable "name" {
  description = "The key's alias."
  type        = string
}

variable "has_key" {
  description = "Whether there is a key of one's own (SSE-KMS); otherwise AWS's own are used."
  type        = bool
}
