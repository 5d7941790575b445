# Ways to AWS's APIs, for callers of this account only.

data "aws_region" "current" {}
data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  endpoints  = local.is_used ? toset(var.vpc.endpoints) : []
  interfaces = setsubtract(local.endpoints, ["s3"])
}

data "aws_iam_policy_document" "endpoints" {
  #checkov:skip=CKV_AWS_1:an endpoint's policy grants nothing; it narrows who passes to this account
  #checkov:skip=CKV_AWS_49:as above
  statement {
    sid       = "OfThisAccount"
    actions   = ["*"] # what a caller may do is its role's policy's matter
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:PrincipalAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

data "aws_iam_policy_document" "s3" {
  #checkov:skip=CKV_AWS_283:ECR signs the addresses of layers itself, whoever pulls
  source_policy_documents = [data.aws_iam_policy_document.endpoints.json]

  # Sources of other accounts are read as roles there.
  dynamic "statement" {
    for_each = length(var.source_role_arns) > 0 ? [1] : []
    content {
      sid       = "SourcesOfOthers"
      actions   = ["s3:*"]
      resources = ["*"]
      principals {
        type        = "AWS"
        identifiers = ["*"]
      }
      condition {
        test     = "ArnEquals"
        variable = "aws:PrincipalArn" # of a session, its role's
        values   = var.source_role_arns
      }
    }
  }

  statement {
    sid       = "LayersOfImages"
    actions   = ["s3:GetObject"]
    resources = ["arn:${data.aws_partition.current.partition}:s3:::prod-${data.aws_region.current.name}-starport-layer-bucket/*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
  }
}

resource "aws_vpc_endpoint" "s3" {
  count = contains(local.endpoints, "s3") ? 1 : 0

  vpc_id            = local.vpc_id
  service_name      = "com.amazonaws.${data.aws_region.current.name}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = local.route_table_ids
  policy            = data.aws_iam_policy_document.s3.json

  tags = { Name = "${var.name}-s3" }
}

resource "aws_vpc_endpoint" "interface" {
  for_each = local.interfaces

  vpc_id              = local.vpc_id
  service_name        = "com.amazonaws.${data.aws_region.current.name}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = local.subnet_ids
  security_group_ids  = [aws_security_group.endpoints[0].id]
  policy              = data.aws_iam_policy_document.endpoints.json

  tags = { Name = "${var.name}-${each.key}" }
}
