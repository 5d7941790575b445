# Copies in another region, for the layers that are named. A copy ages as what it is a copy of.

locals {
  copied = {
    for layer in try(var.replication.layers, []) : layer => var.buckets[layer] if contains(keys(var.buckets), layer)
  }
  has_copies = length(local.copied) > 0
}

resource "aws_kms_key" "replica" {
  #checkov:skip=CKV2_AWS_64:without a policy of its own, the account's roles and policies decide
  provider = aws.replica
  count    = local.has_copies && var.has_key ? 1 : 0

  description             = "Copies of ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
}

module "replica" {
  source    = "../bucket"
  providers = { aws = aws.replica }
  for_each  = local.copied

  name        = "${each.value.name}-replica"
  rules       = each.value.rules
  kms_key_arn = one(aws_kms_key.replica[*].arn)
  may_destroy = var.may_destroy
}

resource "aws_s3_bucket_replication_configuration" "this" {
  for_each = local.copied

  bucket = module.bucket[each.key].id
  role   = aws_iam_role.replication[0].arn

  rule {
    id     = "all"
    status = "Enabled"

    filter {}

    delete_marker_replication {
      status = "Enabled"
    }

    dynamic "source_selection_criteria" {
      for_each = var.has_key ? [1] : []
      content {
        sse_kms_encrypted_objects {
          status = "Enabled"
        }
      }
    }

    destination {
      bucket = module.replica[each.key].arn

      dynamic "encryption_configuration" {
        for_each = aws_kms_key.replica
        content {
          replica_kms_key_id = encryption_configuration.value.arn
        }
      }
    }
  }

  depends_on = [module.replica]
}
