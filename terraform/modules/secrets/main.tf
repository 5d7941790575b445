# The secrets that sources ask for, empty: values never pass through Terraform or its state.

resource "aws_secretsmanager_secret" "this" {
  for_each = toset(var.names)

  name                    = each.key
  description             = "Its value is put by hand: aws secretsmanager put-secret-value"
  recovery_window_in_days = var.recovery_days
}
