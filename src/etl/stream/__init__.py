"""The streaming way in: records as they come, batch after batch, onto S3."""
