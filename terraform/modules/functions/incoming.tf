# From an object under incoming/ of the raw bucket to the processor, and to the dead letters.

data "aws_region" "current" {}

locals {
  retention_seconds = var.processor.retention_days * 24 * 3600
  # Named, so that a queue has its policies from the start: each change of a queue takes half a minute.
  incoming_arn = "arn:${var.partition}:sqs:${data.aws_region.current.name}:${var.account_id}:${var.processor.queue_name}"
}

resource "aws_sqs_queue" "dead" {
  name                      = var.processor.dead_letter_queue_name
  message_retention_seconds = local.retention_seconds
  sqs_managed_sse_enabled   = true

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [local.incoming_arn]
  })
}

resource "aws_sqs_queue" "incoming" {
  name                       = var.processor.queue_name
  message_retention_seconds  = local.retention_seconds
  visibility_timeout_seconds = var.processor.visibility_seconds
  sqs_managed_sse_enabled    = true

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = var.processor.max_receive_count
  })

  # Only S3 sends, and only for the raw bucket of this account.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = local.incoming_arn
      Condition = {
        ArnLike      = { "aws:SourceArn" = "arn:${var.partition}:s3:::${var.raw_bucket}" }
        StringEquals = { "aws:SourceAccount" = var.account_id }
      }
    }]
  })
}

resource "aws_s3_bucket_notification" "raw" {
  bucket = var.raw_bucket

  queue {
    id            = "incoming"
    queue_arn     = aws_sqs_queue.incoming.arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = var.processor.incoming_prefix
  }
}

resource "aws_lambda_event_source_mapping" "processor" {
  event_source_arn        = aws_sqs_queue.incoming.arn
  function_name           = aws_lambda_function.this["processor"].arn
  batch_size              = var.processor.batch_size
  function_response_types = ["ReportBatchItemFailures"]

  depends_on = [var.role_names] # AWS asks whether the role may read the queue
}
