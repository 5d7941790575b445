# The embedded cloud has no networks: these are planned against a provider that answers nothing.

mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-west-1a", "eu-west-1b", "eu-west-1c", "eu-west-1d"] }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\": \"2012-10-17\", \"Statement\": []}" }
  }
  mock_data "aws_vpc" {
    defaults = { cidr_block = "10.9.0.0/16" }
  }
}

variables {
  name               = "etl-test"
  source_role_arns   = []
  warehouse_port     = 5439
  log_retention_days = 30
  kms_key_arn        = null
  vpc = {
    mode               = "create"
    cidr               = "10.42.0.0/16"
    availability_zones = 3
    nat                = true
    vpc_id             = null
    subnet_ids         = []
    route_table_ids    = []
    endpoints          = ["s3", "glue", "ecr.api"]
    egress_ports       = [5432, 443]
  }
}

run "none_makes_nothing" {
  command = plan

  variables {
    vpc = merge(var.vpc, { mode = "none" })
  }
  assert {
    condition     = length(aws_vpc.this) + length(aws_security_group.workload) + length(aws_vpc_endpoint.interface) == 0
    error_message = "Without a VPC there is nothing to make."
  }
  assert {
    condition     = output.vpc_id == null && length(output.subnet_ids) == 0
    error_message = "Without a VPC there is nothing to name."
  }
}

run "create_makes_private_subnets_and_one_way_out" {
  command = plan

  assert {
    condition     = [for subnet in aws_subnet.private : subnet.cidr_block] == ["10.42.0.0/20", "10.42.16.0/20", "10.42.32.0/20"]
    error_message = "Each zone has a subnet of its own."
  }
  assert {
    condition     = alltrue([for subnet in aws_subnet.private : subnet.map_public_ip_on_launch != true])
    error_message = "Private subnets give no public addresses."
  }
  assert {
    condition     = keys(aws_vpc_security_group_egress_rule.workload) == ["443", "5432", "5439"]
    error_message = "The workload reaches AWS, the warehouse and the ports that are named, each once."
  }
  assert {
    condition     = keys(aws_vpc_endpoint.interface) == ["ecr.api", "glue"] && length(aws_vpc_endpoint.s3) == 1
    error_message = "S3 has a gateway, the others have interfaces."
  }
  assert {
    condition     = length(aws_nat_gateway.this) == 1
    error_message = "Sources lie outside of AWS."
  }
}

run "create_without_nat_has_no_way_out" {
  command = plan

  variables {
    vpc = merge(var.vpc, { nat = false })
  }
  assert {
    condition     = length(aws_internet_gateway.this) + length(aws_route.nat) == 0
    error_message = "Without NAT no route leads out."
  }
}

run "roles_of_sources_elsewhere_pass_to_s3_alone" {
  command = plan

  variables {
    source_role_arns = ["arn:aws:iam::210987654321:role/orders-reader"]
  }
  assert {
    condition = anytrue([
      for statement in data.aws_iam_policy_document.s3.statement :
      anytrue([for each in statement.condition : each.variable == "aws:PrincipalArn" && tolist(each.values) == var.source_role_arns])
    ])
    error_message = "S3 is reached as the roles that contracts name."
  }
  assert {
    condition     = length(data.aws_iam_policy_document.endpoints.statement) == 1
    error_message = "Other services are for this account."
  }
}

run "existing_takes_what_is_there" {
  command = plan

  variables {
    vpc = merge(var.vpc, { mode = "existing", vpc_id = "vpc-1", subnet_ids = ["subnet-1"], route_table_ids = ["rtb-1"] })
  }
  assert {
    condition     = length(aws_vpc.this) + length(aws_flow_log.this) + length(aws_nat_gateway.this) == 0
    error_message = "A VPC that is there is left as it is."
  }
  assert {
    condition     = output.subnet_ids == tolist(["subnet-1"]) && aws_vpc_security_group_ingress_rule.endpoints[0].cidr_ipv4 == "10.9.0.0/16"
    error_message = "Its subnets and addresses are used."
  }
}

run "existing_wants_to_be_named" {
  command = plan

  variables {
    vpc = merge(var.vpc, { mode = "existing" })
  }
  expect_failures = [var.vpc]
}
