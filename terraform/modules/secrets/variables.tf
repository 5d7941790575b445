variable "names" {
  description = "The secrets' names."
  type        = list(string)
}

variable "recovery_days" {
  description = "How long a deleted secret can be restored; 0 for not."
  type        = number
}
