output "names" {
  description = "The functions' names by key."
  value       = { for key, function in aws_lambda_function.this : key => function.function_name }
}

output "arns" {
  description = "The functions' ARNs by key."
  value       = { for key, function in aws_lambda_function.this : key => function.arn }
}

output "queue_name" {
  description = "The queue of incoming objects."
  value       = aws_sqs_queue.incoming.name
}

output "dead_letter_queue_name" {
  description = "The queue of those that the processor gave up."
  value       = aws_sqs_queue.dead.name
}
