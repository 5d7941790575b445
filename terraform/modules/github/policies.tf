# Terraform reads and writes descriptions. The role reads no rows, and nothing that functions log.

locals {
  environment_roles = concat(
    values(var.role_arns),
    ["arn:${local.partition}:iam::${local.account_id}:role/${var.name}-*"],
  )
  own_role = "arn:${local.partition}:iam::${local.account_id}:role/${var.name}-github-apply"
  webhook = [
    for each in var.webhook_secret[*] : "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${each}-??????"
  ]
}

data "aws_iam_policy_document" "state" {
  dynamic "statement" {
    for_each = var.state_bucket == null ? [] : [var.state_bucket]
    content {
      sid       = "FindTheState"
      actions   = ["s3:ListBucket"]
      resources = ["arn:${local.partition}:s3:::${statement.value}"]
    }
  }
  dynamic "statement" {
    for_each = var.state_bucket == null ? [] : [var.state_bucket]
    content {
      sid       = "UseTheState"
      actions   = ["s3:GetObject", "s3:PutObject"]
      resources = ["arn:${local.partition}:s3:::${statement.value}/${var.state_key}"]
    }
  }
  dynamic "statement" {
    for_each = var.state_bucket == null ? [] : [var.state_bucket]
    content {
      sid       = "LockTheState"
      actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
      resources = ["arn:${local.partition}:s3:::${statement.value}/${var.state_key}.tflock"]
    }
  }
}

data "aws_iam_policy_document" "descriptions" {
  #checkov:skip=CKV_AWS_356:descriptions are read service by service; most of these calls take no resource
  statement {
    sid = "ReadDescriptions"
    actions = [
      "apigateway:GET",
      "athena:GetWorkGroup", "athena:GetNamedQuery", "athena:ListTagsForResource",
      "cloudwatch:DescribeAlarms", "cloudwatch:GetDashboard", "cloudwatch:ListTagsForResource",
      "ec2:Describe*",
      "ecr:DescribeRepositories", "ecr:GetLifecyclePolicy", "ecr:ListTagsForResource",
      "ecs:Describe*", "ecs:ListTagsForResource",
      "events:DescribeRule", "events:ListTagsForResource", "events:ListTargetsByRule",
      "glue:GetDatabase", "glue:GetJob", "glue:GetTable", "glue:GetTags",
      "iam:GetOpenIDConnectProvider", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies",
      "kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListAliases", "kms:ListResourceTags",
      "lambda:GetEventSourceMapping", "lambda:GetFunction", "lambda:GetFunctionCodeSigningConfig",
      "lambda:GetFunctionEventInvokeConfig", "lambda:GetPolicy", "lambda:ListTags", "lambda:ListVersionsByFunction",
      "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:ListTagsForResource",
      "redshift:DescribeClusters",
      "redshift-serverless:GetNamespace", "redshift-serverless:GetUsageLimit", "redshift-serverless:GetWorkgroup", "redshift-serverless:ListTagsForResource",
      "s3:GetAccelerateConfiguration", "s3:GetBucket*", "s3:GetEncryptionConfiguration",
      "s3:GetIntelligentTieringConfiguration", "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration", "s3:ListBucket",
      "secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy",
      "sns:GetSubscriptionAttributes", "sns:GetTopicAttributes", "sns:ListTagsForResource",
      "sqs:GetQueueAttributes", "sqs:ListQueueTags",
      "states:DescribeStateMachine", "states:ListStateMachineVersions", "states:ListTagsForResource", "states:ValidateStateMachineDefinition",
    ]
    resources = ["*"]
  }
}

data "aws_iam_policy_document" "apply" {
  #checkov:skip=CKV_AWS_107:no credentials are read; ecr:GetAuthorizationToken is how images are pushed
  #checkov:skip=CKV_AWS_108:it deploys code, which lies on S3
  #checkov:skip=CKV_AWS_109:it makes the environment's roles and policies, below the environment's prefix
  #checkov:skip=CKV_AWS_110:who deploys what roles may do can do it: hence GitHub's environment and its approval
  #checkov:skip=CKV_AWS_111:it deploys all of these services, whose resources have ids that are not known before
  #checkov:skip=CKV_AWS_356:as above
  source_policy_documents = [
    data.aws_iam_policy_document.descriptions.json,
    data.aws_iam_policy_document.state.json,
  ]

  statement {
    sid = "DeployServices"
    actions = [
      "apigateway:*", "athena:*", "cloudwatch:*", "ec2:*", "ecr:*", "ecs:*", "events:*", "glue:*",
      "kms:*", "lambda:*", "logs:*", "redshift:*", "redshift-serverless:*", "sns:*", "sqs:*", "states:*",
    ]
    resources = ["*"] # the services of the template, in its region
    condition {
      test     = "StringEquals"
      variable = "aws:RequestedRegion"
      values   = [local.region]
    }
  }
  statement {
    sid       = "DeployBuckets"
    actions   = ["s3:*Bucket*", "s3:*Configuration"]
    resources = [for each in var.bucket_names : "arn:${local.partition}:s3:::${each}"]
    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [local.account_id]
    }
  }
  statement {
    sid     = "DeployCode"
    actions = ["s3:DeleteObject", "s3:GetObject", "s3:GetObjectTagging", "s3:PutObject", "s3:PutObjectTagging"]
    resources = [
      for each in ["code", "contracts"] : "arn:${local.partition}:s3:::${var.artifacts_bucket}/${each}/*"
    ]
  }
  statement {
    sid       = "AskWhetherTheWarehouseAnswers"
    actions   = ["redshift-data:ExecuteStatement"]
    resources = ["*"] # as a database user who has no rights to any table
    condition {
      test     = "StringEquals"
      variable = "aws:RequestedRegion"
      values   = [local.region]
    }
  }
  statement {
    sid       = "ReadItsAnswer"
    actions   = ["redshift-data:DescribeStatement", "redshift-data:GetStatementResult"]
    resources = ["*"] # statements have no ARN; the condition leaves the role's own
    condition {
      test     = "StringEquals"
      variable = "redshift-data:statement-owner-iam-userid"
      values   = ["$${aws:userid}"]
    }
  }
  dynamic "statement" {
    for_each = local.webhook
    content {
      sid       = "TellPrefectWhomToTell"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [statement.value]
    }
  }
  statement {
    sid       = "DeploySecretsWithoutTheirValues"
    actions   = ["secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:RestoreSecret", "secretsmanager:TagResource", "secretsmanager:UpdateSecret"]
    resources = ["arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.name}/*"]
  }
  statement {
    sid = "DeployRoles"
    actions = [
      "iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy",
      "iam:PutRolePolicy", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole",
      "iam:UpdateRoleDescription", "iam:ListInstanceProfilesForRole",
    ]
    resources = local.environment_roles
  }
  statement {
    sid       = "HandRolesToServices"
    actions   = ["iam:PassRole"]
    resources = local.environment_roles
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values = [
        "ecs-tasks.amazonaws.com", "glue.amazonaws.com", "lambda.amazonaws.com", "redshift.amazonaws.com",
        "redshift-serverless.amazonaws.com", "s3.amazonaws.com", "states.amazonaws.com", "vpc-flow-logs.amazonaws.com",
      ]
    }
  }
  statement {
    sid       = "NotItself"
    effect    = "Deny"
    actions   = ["iam:AttachRolePolicy", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"]
    resources = [local.own_role] # who bootstraps changes these
  }
  statement {
    sid    = "NoRowsAndNoLogs"
    effect = "Deny"
    actions = [
      "athena:GetQueryResults", "athena:StartQueryExecution",
      "logs:FilterLogEvents", "logs:GetLogEvents", "logs:GetLogRecord", "logs:StartLiveTail", "logs:StartQuery",
    ]
    resources = ["*"] # nothing that deploys needs them, on any resource
  }
  statement {
    sid           = "NoSecrets"
    effect        = "Deny"
    actions       = ["secretsmanager:GetSecretValue"]
    not_resources = concat(local.webhook, ["arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:none"])
  }
}
