"""What Terraform asks beyond what programs do, and moto does not answer as AWS does.

One module a service; each names what it replaces, and `.tests/unit/test_moto_seams_terraform.py`
fails first when a new version of moto moves it.
"""

from __future__ import annotations

from local_cloud.context import Cloud
from local_cloud.terraform_seams import athena, cloudwatch, s3, sqs


def install(_cloud: Cloud) -> None:
    """Answer as AWS does."""
    athena.install()
    cloudwatch.install()
    s3.install()
    sqs.install()
