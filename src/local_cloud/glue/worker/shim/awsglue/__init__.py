"""AWS Glue's Python library for scripts that run in the embedded cloud: the part they use most.

Written from AWS's documentation of `awsglue`. What is not here raises, it does not pretend.
"""
