# The roles of the parts. What each may do is terraform/policies/<role>.yml, which the embedded
# cloud reads too; its placeholders are filled in here.

locals {
  statements = { for key in keys(var.roles) : key => yamldecode(templatefile("${var.policies}/${key}.yml", var.variables)) }
}

resource "aws_iam_role" "this" {
  for_each = var.roles

  name               = each.value.name
  assume_role_policy = jsonencode(each.value.trust)
  tags               = each.value.tags
}

resource "aws_iam_role_policy" "this" {
  for_each = var.roles

  name = each.key
  role = aws_iam_role.this[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for statement in local.statements[each.key] : merge(
        { Effect = "Allow" },
        { for name, value in statement : name => value if name != "Reason" }, # for readers, not for IAM
      )
      if length(statement.Resource) > 0 # of what the environment does not have
    ]
  })
}
