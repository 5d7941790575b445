output "names" {
  description = "The buckets by layer, once what is put there is encrypted and kept."
  value       = { for layer, bucket in module.bucket : layer => bucket.id }
}
