# The Spark job, and the catalogue that Athena reads.

resource "aws_glue_job" "this" {
  name                   = var.job.Name
  description            = "Turns a day's raw objects into Parquet."
  role_arn               = var.role_arn
  glue_version           = var.job.GlueVersion
  worker_type            = var.job.WorkerType
  number_of_workers      = var.job.NumberOfWorkers
  timeout                = var.job.Timeout
  max_retries            = var.job.MaxRetries
  default_arguments      = var.job.DefaultArguments
  execution_class        = "STANDARD"
  security_configuration = one(aws_glue_security_configuration.this[*].name)

  command {
    name            = var.job.Command.Name
    python_version  = var.job.Command.PythonVersion
    script_location = var.job.Command.ScriptLocation
  }

  execution_property {
    max_concurrent_runs = var.job.ExecutionProperty.MaxConcurrentRuns
  }
}

# Logs are encrypted by CloudWatch's own key: with another, the job would need the right to attach
# keys to log groups. There are no bookmarks.
resource "aws_glue_security_configuration" "this" {
  #checkov:skip=CKV_AWS_99:data is encrypted by our key, logs by CloudWatch's own; there are no bookmarks
  count = var.has_key ? 1 : 0

  name = var.job.Name

  encryption_configuration {
    s3_encryption {
      s3_encryption_mode = "SSE-KMS"
      kms_key_arn        = var.kms_key_arn
    }
    cloudwatch_encryption {
      cloudwatch_encryption_mode = "DISABLED"
    }
    job_bookmarks_encryption {
      job_bookmarks_encryption_mode = "DISABLED"
    }
  }
}

# What Glue asks for to write the job's metrics: it takes no resource.
data "aws_iam_policy_document" "metrics" {
  statement {
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"]
    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = ["Glue"]
    }
  }
}

resource "aws_iam_role_policy" "metrics" {
  name   = "write-metrics"
  role   = var.role_name
  policy = data.aws_iam_policy_document.metrics.json
}
