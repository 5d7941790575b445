"""What is deployed, described once: for Terraform, and for the embedded cloud."""
