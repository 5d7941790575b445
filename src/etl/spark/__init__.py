"""The transform in Spark. Runs in the Glue job: standard library, boto3 and pyspark only."""
