variable "bucket" {
  description = "Where files go."
  type        = string
}

variable "files" {
  description = "By name: the file's path, and the key that its content names."
  type        = map(object({ path = string, key = string, sha256 = string }))
}

variable "root" {
  description = "Where relative paths begin: the repository's top."
  type        = string
}
