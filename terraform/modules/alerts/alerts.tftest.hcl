mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\": \"2012-10-17\", \"Statement\": []}" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-west-1:123456789012:etl-test-alerts" }
  }
}

variables {
  name        = "etl-test-alerts"
  emails      = ["data-team@example.com"]
  kms_key_arn = null
}

run "name_makes_a_topic" {
  assert {
    condition     = aws_sns_topic.this[0].name == "etl-test-alerts" && output.topic_arn == aws_sns_topic.this[0].arn
    error_message = "The topic is made."
  }
}

run "arn_is_taken_as_it_is" {
  variables {
    name = "arn:aws:sns:eu-west-1:210987654321:everybody"
  }
  assert {
    condition     = length(aws_sns_topic.this) + length(aws_sns_topic_policy.this) == 0
    error_message = "What is there already is neither made nor changed."
  }
  assert {
    condition     = output.topic_arn == var.name && aws_sns_topic_subscription.email["data-team@example.com"].topic_arn == var.name
    error_message = "It is told, and subscribed to."
  }
}
