output "job_name" {
  description = "The job's name."
  value       = aws_glue_job.this.name
}
