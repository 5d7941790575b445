variable "deployment_file" {
  description = "What `python -m etl infrastructure` wrote: settings, contracts and code of one environment."
  type        = string
}

variable "s3_use_path_style" {
  description = "Address buckets by path: for S3 where buckets have no host names of their own."
  type        = bool
  default     = false
}
