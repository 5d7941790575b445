# A bucket for each layer, and one for what was done with them.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  s3         = "arn:${data.aws_partition.current.partition}:s3:::"
  layers     = { for layer, bucket in var.buckets : layer => bucket if layer != "logs" }
}

module "bucket" {
  source   = "../bucket"
  for_each = local.layers

  name        = each.value.name
  rules       = each.value.rules
  kms_key_arn = var.kms_key_arn
  may_destroy = var.may_destroy
}

module "logs" {
  source = "../bucket"

  name        = var.buckets.logs.name
  rules       = var.buckets.logs.rules
  kms_key_arn = null # S3 delivers access logs to buckets with its own keys only
  may_destroy = var.may_destroy
  policies    = [data.aws_iam_policy_document.logs.json]
}

data "aws_iam_policy_document" "logs" {
  statement {
    sid       = "AccessLogs"
    actions   = ["s3:PutObject"]
    resources = ["${local.s3}${var.buckets.logs.name}/*"]
    principals {
      type        = "Service"
      identifiers = ["logging.s3.amazonaws.com"]
    }
    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = [for layer, bucket in local.layers : "${local.s3}${bucket.name}"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

resource "aws_s3_bucket_logging" "this" {
  for_each = local.layers

  bucket        = module.bucket[each.key].id
  target_bucket = module.logs.id
  target_prefix = "${each.key}/"
}

resource "aws_s3_bucket_accelerate_configuration" "raw" {
  count = var.has_acceleration ? 1 : 0

  bucket = module.bucket["raw"].id
  status = "Enabled"
}
