"""What an HTTP request asks of AWS, in boto3's words."""

from __future__ import annotations

import re
from email.message import Message
from urllib.parse import parse_qs, urlsplit


def name_call(method: str, path: str, headers: Message[str, str]) -> str:
    """A call in boto3's words: its service and operation."""
    credential = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", headers["Authorization"])
    assert credential, "the request is not signed"
    service = credential[1]
    url = urlsplit(path)
    if target := headers.get("X-Amz-Target"):
        operation = target.rpartition(".")[2]
    elif service == "s3":
        operation = _s3_operation(method, url.path, url.query, headers)
    else:
        operation = "Invoke" if url.path.endswith("/invocations") else f"{method} {url.path}"
    return f"{service} {operation}"


def _s3_operation(method: str, path: str, query: str, headers: Message[str, str]) -> str:
    asked = parse_qs(query, keep_blank_values=True)
    has_key = "/" in path.strip("/")
    named: list[tuple[bool, str]] = [
        ("uploads" in asked, "CreateMultipartUpload"),
        ("partNumber" in asked, "UploadPart"),
        ("uploadId" in asked, "CompleteMultipartUpload" if method == "POST" else "AbortUpload"),
        ("delete" in asked, "DeleteObjects"),
        ("list-type" in asked, "ListObjectsV2"),
        ("versions" in asked, "ListObjectVersions"),
        ("x-amz-copy-source" in headers, "CopyObject"),
    ]
    plain = f"{method.capitalize()}{'Object' if has_key else 'Bucket'}"
    return next((name for is_it, name in named if is_it), plain)
