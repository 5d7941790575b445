variable "name" {
  description = "The topic's name, or the ARN of one that is there already."
  type        = string
}

variable "emails" {
  description = "Who gets what the topic gets, once they have confirmed."
  type        = list(string)
}

variable "kms_key_arn" {
  description = "The key that messages are encrypted by; null for none."
  type        = string
}
