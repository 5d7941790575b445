output "url" {
  description = "Where records are sent: POST <url>/ingest/<dataset>."
  value       = aws_apigatewayv2_api.this.api_endpoint
}

output "id" {
  description = "The API."
  value       = aws_apigatewayv2_api.this.id
}
