# The archiver's nights.

locals {
  archivers = contains(keys(var.functions), "archiver") ? { archiver = var.archiver } : {}
}

resource "aws_cloudwatch_event_rule" "archiver" {
  for_each = local.archivers

  name                = each.value.rule_name
  description         = "Starts the archiver."
  schedule_expression = each.value.schedule
}

resource "aws_cloudwatch_event_target" "archiver" {
  for_each = local.archivers

  rule      = aws_cloudwatch_event_rule.archiver[each.key].name
  target_id = each.key
  arn       = aws_lambda_function.this[each.key].arn
}

resource "aws_lambda_permission" "archiver" {
  for_each = local.archivers

  statement_id  = "schedule"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this[each.key].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.archiver[each.key].arn
}
