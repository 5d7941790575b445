"""Files as a source: a folder or an S3 prefix, in several formats."""
