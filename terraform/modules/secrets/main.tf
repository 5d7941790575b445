# The secrets that sources ask for, empty: values never pass through Terraform or its state.

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV_AWS_149:who may read a secret is its reader's policy's matter; AWS's own key encrypts it
  #checkov:skip=CKV2_AWS_57:sources give these secrets; docs/operations.md says how they are replaced
  for_each = toset(var.names)

  name                    = each.key
  description             = "Its value is put by hand: aws secretsmanager put-secret-value"
  recovery_window_in_days = var.recovery_days
}
