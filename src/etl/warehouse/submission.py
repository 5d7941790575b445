"""A load that was handed to the Data API and goes on without the process that handed it over.

What was submitted is kept beside the run's other files, so that the next run of the same date
waits for that load, and does not take its files away and load again.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from aws.redshift.data_api import find_end
from aws.s3 import get_bytes
from etl.keys import parse_s3_uri
from etl.storage import explain_storage_errors, write_json

if TYPE_CHECKING:
    from mypy_boto3_redshift_data import RedshiftDataAPIServiceClient
    from mypy_boto3_s3 import S3Client

SUBMISSION_NAME = "load.json"


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A load's transaction, submitted.

    Attributes:
        run_id: The run whose rows they are, as the ledger has it.
        job_run_id: The Glue job run that wrote the files.
        manifest_digest: The extraction that they are of.
    """

    statement_id: str
    run_id: str
    job_run_id: str
    manifest_digest: str


def write_submission(s3: S3Client, uri: str, submission: Submission) -> None:
    """Keep it, in place of an earlier one."""
    write_json(s3, uri, json.dumps(dataclasses.asdict(submission), indent=1) + "\n")


def find_at_work(s3: S3Client, client: RedshiftDataAPIServiceClient, uri: str) -> Submission | None:
    """The submission, if its transaction is still going."""
    bucket, key = parse_s3_uri(uri)
    with explain_storage_errors(uri):
        try:
            text = get_bytes(s3, bucket=bucket, key=key)
        except s3.exceptions.NoSuchKey:
            return None
    try:
        submission = Submission(**json.loads(text))
        end = find_end(client, statement_id=submission.statement_id)
    except (ValueError, TypeError, ClientError):
        return None  # written by another version, forgotten by AWS, or of another's session
    return submission if end is None else None
