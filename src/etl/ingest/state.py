"""How far a request's records have come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from etl.ingest.accept import commit_name
from etl.ingest.receipts import Receipt, RequestId
from etl.keys import manifest_uri, run_uri
from etl.manifest import read_if_there
from etl.model import Contract
from etl.storage import read_json
from etl.stream.commits import is_committed, read_commit

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

State = Literal["pending", "stored", "loaded"]


def find_state(
    s3: S3Client,
    *,
    contract: Contract,
    artifacts_bucket: str,
    request: RequestId,
    receipt: Receipt,
) -> State:
    """Pending: to be sent again, as its process died. Stored: the date's next run has it. Loaded:
    a run has carried it to the contract's end.
    """
    name = commit_name(request)
    if not is_committed(s3, contract, receipt.run_date, name):
        return "pending"
    manifest = read_if_there(s3, manifest_uri(contract, receipt.run_date))
    committed = read_commit(s3, contract, receipt.run_date, name)
    taken = {each.uri for each in manifest.objects} if manifest else set()
    if manifest is None or not taken.issuperset(each.uri for each in committed.objects):
        return "stored"
    report = read_json(
        s3, run_uri(artifacts_bucket, contract.dataset, receipt.run_date, "report.json")
    )
    # A manifest only grows: as many rows are the same ones. More are a run that has not ended.
    has_ended = report.get("status") == "succeeded"
    is_of_manifest = report.get("rows", {}).get("extracted") == manifest.rows
    return "loaded" if has_ended and is_of_manifest else "stored"
