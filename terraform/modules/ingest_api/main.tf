# The HTTP API that takes records. Its routes, authorisation and models are api-gateway/openapi.yaml,
# filled in for the environment.

locals {
  document = yamldecode(var.openapi)
  cors     = try(local.document["x-amazon-apigateway-cors"], null)
}

resource "aws_apigatewayv2_api" "this" {
  name          = var.name
  protocol_type = "HTTP"
  body          = var.openapi

  # An import is followed by what stands here, so these say what the file does.
  description = local.document.info.description
  version     = local.document.info.version

  dynamic "cors_configuration" {
    for_each = local.cors[*]
    content {
      allow_origins = cors_configuration.value.allowOrigins
      allow_methods = cors_configuration.value.allowMethods
      allow_headers = cors_configuration.value.allowHeaders
      max_age       = cors_configuration.value.maxAge
    }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/apigateway/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_burst_limit   = var.burst
    throttling_rate_limit    = var.requests_per_second
    detailed_metrics_enabled = true
  }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.this.arn
    format = jsonencode({
      requestId      = "$context.requestId"
      time           = "$context.requestTime"
      ip             = "$context.identity.sourceIp"
      caller         = "$context.identity.userArn"
      route          = "$context.routeKey"
      status         = "$context.status"
      responseLength = "$context.responseLength"
      latencyMs      = "$context.responseLatency"
      error          = "$context.error.message"
      integration    = "$context.integrationErrorMessage"
    })
  }
}

resource "aws_lambda_permission" "this" {
  statement_id  = "api"
  action        = "lambda:InvokeFunction"
  function_name = var.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/*/*"
}
