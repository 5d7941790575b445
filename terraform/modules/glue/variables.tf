variable "job" {
  description = "The job, as Glue's CreateJob takes it."
  type = object({
    Name              = string
    GlueVersion       = string
    WorkerType        = string
    NumberOfWorkers   = number
    Timeout           = number
    MaxRetries        = number
    DefaultArguments  = map(string)
    Command           = object({ Name = string, PythonVersion = string, ScriptLocation = string })
    ExecutionProperty = object({ MaxConcurrentRuns = number })
  })
}

variable "role_arn" {
  description = "The role that the job runs as."
  type        = string
}

variable "role_name" {
  description = "The same role's name."
  type        = string
}

variable "database" {
  description = "The catalogue's database."
  type        = string
}

variable "tables" {
  description = "Tables by dataset, as Glue's CreateTable takes them."
  type        = any # columns may have comments or none
}

variable "has_key" {
  description = "Whether objects are encrypted by a key of one's own."
  type        = bool
}

variable "kms_key_arn" {
  description = "That key; null where there is none."
  type        = string
}
