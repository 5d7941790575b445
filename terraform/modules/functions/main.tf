# The Lambda functions, each with a log group of its own.

resource "aws_cloudwatch_log_group" "this" {
  for_each = var.functions

  name              = "/aws/lambda/${each.value.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_116:the queue that calls one has dead letters; no other event is left to a function that fails
  #checkov:skip=CKV_AWS_117:they speak to AWS and to sources on the internet
  #checkov:skip=CKV_AWS_173:variables hold names, no secrets: AWS's own key encrypts them
  #checkov:skip=CKV_AWS_272:code comes from a bucket that only the deployment writes, by the hash of its content
  for_each = var.functions

  function_name                  = each.value.name
  role                           = var.role_arns[each.key]
  runtime                        = each.value.runtime
  handler                        = each.value.handler
  memory_size                    = each.value.memory_mb
  timeout                        = each.value.timeout_seconds
  s3_bucket                      = var.code.bucket
  s3_key                         = var.code.keys["${each.key}.zip"]
  source_code_hash               = each.value.code_sha256
  reserved_concurrent_executions = lookup(var.reserved_concurrency, each.key, -1)

  ephemeral_storage {
    size = each.value.storage_mb
  }

  dynamic "environment" {
    for_each = length(each.value.environment) > 0 ? [each.value.environment] : []
    content {
      variables = environment.value
    }
  }

  tracing_config {
    mode = var.is_traced ? "Active" : "PassThrough"
  }

  logging_config {
    log_format = "Text" # a line in the embedded metric format has to stay as it was printed
    log_group  = aws_cloudwatch_log_group.this[each.key].name
  }
}

resource "aws_lambda_function_event_invoke_config" "this" {
  for_each = { for key, function in var.functions : key => function if function.retries != null }

  function_name          = aws_lambda_function.this[each.key].function_name
  maximum_retry_attempts = each.value.retries
}

# What X-Ray asks for: it takes no resource.
data "aws_iam_policy_document" "tracing" {
  statement {
    actions   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "tracing" {
  for_each = var.is_traced ? var.functions : {}

  name   = "trace"
  role   = var.role_names[each.key]
  policy = data.aws_iam_policy_document.tracing.json
}
