# What functions and the Glue job are made from, on S3: archives are too large to be sent to Lambda.
# Other content has another key, and the old one goes once nothing names it any more.

resource "aws_s3_object" "this" {
  for_each = var.files

  bucket = var.bucket
  key    = each.value.key
  source = startswith(each.value.path, "/") ? each.value.path : "${var.root}/${each.value.path}"

  lifecycle {
    create_before_destroy = true
  }
}
