"""AWS Glue: job runs and the Data Catalog. Errors are botocore's own unless said."""
