# The workgroup of queries: where answers go, and how much a query may read.

resource "aws_athena_workgroup" "this" {
  name          = var.name
  force_destroy = true # what it holds is the history of queries

  configuration {
    bytes_scanned_cutoff_per_query     = var.scan_limit_gib * 1024 * 1024 * 1024
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true

    result_configuration {
      output_location = var.results

      encryption_configuration {
        encryption_option = var.kms_key_arn == null ? "SSE_S3" : "SSE_KMS"
        kms_key_arn       = var.kms_key_arn
      }
    }
  }
}
