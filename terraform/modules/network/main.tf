# Private subnets, and ways from them to AWS that do not leave AWS.

data "aws_availability_zones" "here" {
  #checkov:skip=CKV_AWS_394:only as many as the settings say are used
  count = local.is_made ? 1 : 0

  state = "available"

  filter {
    name   = "opt-in-status" # no local zones, which lack most services
    values = ["opt-in-not-required"]
  }
}

data "aws_vpc" "existing" {
  count = var.vpc.mode == "existing" ? 1 : 0

  id = var.vpc.vpc_id
}

locals {
  is_made = var.vpc.mode == "create"
  is_used = var.vpc.mode != "none"
  has_nat = local.is_made && var.vpc.nat
  zones   = local.is_made ? slice(data.aws_availability_zones.here[0].names, 0, var.vpc.availability_zones) : []

  vpc_id          = local.is_made ? aws_vpc.this[0].id : var.vpc.vpc_id
  cidr            = local.is_made ? var.vpc.cidr : try(data.aws_vpc.existing[0].cidr_block, null)
  subnet_ids      = local.is_made ? [for zone in local.zones : aws_subnet.private[zone].id] : var.vpc.subnet_ids
  route_table_ids = local.is_made ? [aws_route_table.private[0].id] : var.vpc.route_table_ids
}

resource "aws_vpc" "this" {
  count = local.is_made ? 1 : 0

  cidr_block           = var.vpc.cidr
  enable_dns_hostnames = true # private names of interface endpoints
  enable_dns_support   = true

  tags = { Name = var.name }
}

# Whatever is made without a security group of its own reaches nothing.
resource "aws_default_security_group" "this" {
  count = local.is_made ? 1 : 0

  vpc_id = aws_vpc.this[0].id
}

resource "aws_subnet" "private" {
  for_each = toset(local.zones)

  vpc_id            = aws_vpc.this[0].id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.vpc.cidr, 4, index(local.zones, each.key))

  tags = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_route_table" "private" {
  count = local.is_made ? 1 : 0

  vpc_id = aws_vpc.this[0].id

  tags = { Name = "${var.name}-private" }
}

resource "aws_route_table_association" "private" {
  for_each = aws_subnet.private

  subnet_id      = each.value.id
  route_table_id = aws_route_table.private[0].id
}
