locals {
  tags = merge(
    { Application = local.name, Environment = local.deployment.environment, ManagedBy = "terraform" },
    local.infrastructure.tags,
  )
}

provider "aws" {
  region              = local.deployment.region
  allowed_account_ids = [local.account_id] # no other environment's, whosever credentials these are
  s3_use_path_style   = var.s3_use_path_style

  default_tags {
    tags = local.tags
  }
}

# Where copies go; without replication nothing is made by it.
provider "aws" {
  alias               = "replica"
  region              = try(local.infrastructure.replication.region, local.deployment.region)
  allowed_account_ids = [local.account_id]
  s3_use_path_style   = var.s3_use_path_style

  default_tags {
    tags = local.tags
  }
}
