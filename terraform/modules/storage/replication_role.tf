# What S3 may do to copy objects.

data "aws_iam_policy_document" "replication_trust" {
  count = local.has_copies ? 1 : 0

  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

data "aws_iam_policy_document" "replication" {
  count = local.has_copies ? 1 : 0

  statement {
    sid       = "SeeWhatThereIs"
    actions   = ["s3:GetReplicationConfiguration", "s3:ListBucket"]
    resources = [for each in values(local.copied) : "${local.s3}${each.name}"]
  }
  statement {
    sid       = "ReadVersions"
    actions   = ["s3:GetObjectVersionAcl", "s3:GetObjectVersionForReplication", "s3:GetObjectVersionTagging"]
    resources = [for each in values(local.copied) : "${local.s3}${each.name}/*"]
  }
  statement {
    sid       = "WriteCopies"
    actions   = ["s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"]
    resources = [for each in values(local.copied) : "${local.s3}${each.name}-replica/*"]
  }

  dynamic "statement" {
    for_each = aws_kms_key.replica # made where the buckets have a key of their own
    content {
      sid       = "DecryptOriginals"
      actions   = ["kms:Decrypt"]
      resources = [var.kms_key_arn]
      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${data.aws_region.current.name}.amazonaws.com"]
      }
    }
  }

  dynamic "statement" {
    for_each = aws_kms_key.replica
    content {
      sid       = "EncryptCopies"
      actions   = ["kms:Encrypt"]
      resources = [statement.value.arn]
    }
  }
}

resource "aws_iam_role" "replication" {
  count = local.has_copies ? 1 : 0

  name               = "${var.name}-replication"
  assume_role_policy = data.aws_iam_policy_document.replication_trust[0].json
}

resource "aws_iam_role_policy" "replication" {
  count = local.has_copies ? 1 : 0

  name   = "copy-objects"
  role   = aws_iam_role.replication[0].id
  policy = data.aws_iam_policy_document.replication[0].json
}
