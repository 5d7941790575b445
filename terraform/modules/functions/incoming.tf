# From an object under incoming/ of the raw bucket to the processor, and to the dead letters.

locals {
  retention_seconds = var.processor.retention_days * 24 * 3600
}

resource "aws_sqs_queue" "dead" {
  name                      = var.processor.dead_letter_queue_name
  message_retention_seconds = local.retention_seconds
  sqs_managed_sse_enabled   = true
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
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  queue_url = aws_sqs_queue.dead.id

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.incoming.arn]
  })
}

# Only S3 sends, and only for the raw bucket of this account.
resource "aws_sqs_queue_policy" "incoming" {
  queue_url = aws_sqs_queue.incoming.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.incoming.arn
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

  depends_on = [aws_sqs_queue_policy.incoming]
}

resource "aws_lambda_event_source_mapping" "processor" {
  event_source_arn        = aws_sqs_queue.incoming.arn
  function_name           = aws_lambda_function.this["processor"].arn
  batch_size              = var.processor.batch_size
  function_response_types = ["ReportBatchItemFailures"]
}
