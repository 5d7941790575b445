variable "roles" {
  description = "By key: the role's name, trust policy and tags."
  type        = any # trust policies are IAM documents, each with fields of its own
}

variable "policies" {
  description = "The folder of the policies, <key>.yml."
  type        = string
}

variable "variables" {
  description = "What the policies' placeholders stand for; lists as JSON."
  type        = map(string)
}
