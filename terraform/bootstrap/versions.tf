# State of its own, on the machine that runs it once: what it makes is found again by its name.
terraform {
  required_version = ">= 1.11, < 2"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {
  region            = var.region
  s3_use_path_style = var.s3_use_path_style
}
