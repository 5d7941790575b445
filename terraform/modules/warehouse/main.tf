# Redshift: a serverless workgroup that is made here, or a cluster that there is.

locals {
  is_serverless = var.warehouse.kind == "serverless"
}

resource "aws_redshiftserverless_namespace" "this" {
  count = local.is_serverless ? 1 : 0

  namespace_name                   = var.warehouse.workgroup_name
  db_name                          = var.warehouse.database
  iam_roles                        = [var.copy_role_arn]
  default_iam_role_arn             = var.copy_role_arn
  log_exports                      = ["connectionlog", "useractivitylog", "userlog"]
  kms_key_id                       = var.kms_key_arn
  manage_admin_password            = true # in Secrets Manager: nobody and no state has it
  admin_password_secret_kms_key_id = var.kms_key_arn
}

resource "aws_redshiftserverless_workgroup" "this" {
  count = local.is_serverless ? 1 : 0

  workgroup_name       = var.warehouse.workgroup_name
  namespace_name       = aws_redshiftserverless_namespace.this[0].namespace_name
  base_capacity        = var.capacity.base_rpu
  port                 = var.warehouse.port
  publicly_accessible  = false
  enhanced_vpc_routing = var.network.subnet_ids != null
  subnet_ids           = var.network.subnet_ids
  security_group_ids   = var.network.security_group_ids

  config_parameter {
    parameter_key   = "require_ssl"
    parameter_value = "true"
  }

  lifecycle {
    ignore_changes = [config_parameter] # AWS adds all that it has: each plan would take them away
  }
}

resource "aws_redshiftserverless_usage_limit" "day" {
  count = local.is_serverless && var.capacity.daily_rpu_hours != null ? 1 : 0

  resource_arn  = aws_redshiftserverless_workgroup.this[0].arn
  usage_type    = "serverless-compute"
  amount        = var.capacity.daily_rpu_hours
  period        = "daily"
  breach_action = "deactivate"
}

# All roles of the cluster: those that are not named are taken from it.
resource "aws_redshift_cluster_iam_roles" "this" {
  count = local.is_serverless ? 0 : 1

  cluster_identifier = var.warehouse.cluster_identifier
  iam_role_arns      = concat([var.copy_role_arn], var.capacity.cluster_role_arns)
}
