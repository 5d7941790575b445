output "backend" {
  description = "What an environment's backend configuration says, beside its key."
  value = {
    bucket       = aws_s3_bucket.state.bucket
    region       = var.region
    encrypt      = true
    use_lockfile = true
  }
}
