# Who may open connections to whom.

resource "aws_security_group" "workload" {
  #checkov:skip=CKV2_AWS_5:other modules attach it
  count = local.is_used ? 1 : 0

  name        = "${var.name}-workload"
  description = "What runs flows and functions: nothing comes in."
  vpc_id      = local.vpc_id

  tags = { Name = "${var.name}-workload" }
}

resource "aws_vpc_security_group_egress_rule" "workload" {
  for_each = local.is_used ? toset([for port in distinct(concat([443, var.warehouse_port], var.vpc.egress_ports)) : tostring(port)]) : []

  security_group_id = aws_security_group.workload[0].id
  description       = "AWS, the warehouse, sources and Prefect"
  ip_protocol       = "tcp"
  from_port         = each.key
  to_port           = each.key
  cidr_ipv4         = "0.0.0.0/0" # ways there are by routes: none leads out without nat
}

resource "aws_security_group" "warehouse" {
  #checkov:skip=CKV2_AWS_5:other modules attach it
  count = local.is_used ? 1 : 0

  name        = "${var.name}-warehouse"
  description = "Redshift: the workload comes in, S3 is reached by HTTPS."
  vpc_id      = local.vpc_id

  tags = { Name = "${var.name}-warehouse" }
}

resource "aws_vpc_security_group_ingress_rule" "warehouse" {
  count = local.is_used ? 1 : 0

  security_group_id            = aws_security_group.warehouse[0].id
  description                  = "SQL from the workload"
  ip_protocol                  = "tcp"
  from_port                    = var.warehouse_port
  to_port                      = var.warehouse_port
  referenced_security_group_id = aws_security_group.workload[0].id
}

resource "aws_vpc_security_group_egress_rule" "warehouse" {
  count = local.is_used ? 1 : 0

  security_group_id = aws_security_group.warehouse[0].id
  description       = "COPY and UNLOAD"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0" # S3's addresses are public, the way to them is the endpoint
}

resource "aws_security_group" "endpoints" {
  count = local.is_used ? 1 : 0

  name        = "${var.name}-endpoints"
  description = "Interface endpoints: HTTPS from the VPC."
  vpc_id      = local.vpc_id

  tags = { Name = "${var.name}-endpoints" }
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  count = local.is_used ? 1 : 0

  security_group_id = aws_security_group.endpoints[0].id
  description       = "AWS's APIs from the VPC"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = local.cidr
}
