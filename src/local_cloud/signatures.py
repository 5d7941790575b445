"""Who calls: AWS Signature Version 4, checked as AWS checks it."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from botocore.utils import normalize_url_path

Environ = dict[str, Any]  # WSGI's

_UNSIGNED = "UNSIGNED-PAYLOAD"


@dataclass(frozen=True)
class Signature:
    """What a request says about its caller.

    Attributes:
        value: None where only the key can be checked: a presigned URL in Signature Version 2.
    """

    access_key_id: str
    service: str
    scope: str
    signed_headers: tuple[str, ...]
    value: str | None
    timestamp: str
    token: str | None
    in_query: bool


def read_signature(environ: Environ) -> Signature | None:
    """The signature in a request's headers or query, or None if it carries none."""
    header = environ.get("HTTP_AUTHORIZATION", "")
    if header.startswith("AWS4-HMAC-SHA256"):
        pairs = (part.strip().partition("=") for part in header.split(" ", 1)[1].split(","))
        fields = {name: value for name, _, value in pairs}
        return _signature(
            credential=fields["Credential"],
            signed_headers=fields["SignedHeaders"],
            value=fields["Signature"],
            timestamp=environ.get("HTTP_X_AMZ_DATE", ""),
            token=environ.get("HTTP_X_AMZ_SECURITY_TOKEN"),
            in_query=False,
        )
    query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    if "X-Amz-Credential" in query:
        return _signature(
            credential=query["X-Amz-Credential"],
            signed_headers=query.get("X-Amz-SignedHeaders", "host"),
            value=query.get("X-Amz-Signature", ""),
            timestamp=query.get("X-Amz-Date", ""),
            token=query.get("X-Amz-Security-Token"),
            in_query=True,
        )
    if "AWSAccessKeyId" in query:
        token = query.get("x-amz-security-token")
        return Signature(query["AWSAccessKeyId"], "s3", "", (), None, "", token, True)
    return None


def _signature(*, credential: str, signed_headers: str, **rest: Any) -> Signature:
    access_key_id, _, scope = credential.partition("/")
    return Signature(
        access_key_id=access_key_id,
        service=scope.split("/")[2],
        scope=scope,
        signed_headers=tuple(signed_headers.split(";")),
        **rest,
    )


def is_genuine(signature: Signature, *, environ: Environ, body: bytes, secret: str) -> bool:
    """Whether a request was signed with `secret`."""
    if signature.value is None:
        return True
    canonical = _canonical_request(signature, environ, body)
    to_sign = "\n".join(
        (
            "AWS4-HMAC-SHA256",
            signature.timestamp,
            signature.scope,
            hashlib.sha256(canonical.encode()).hexdigest(),
        )
    )
    expected = hmac.new(_signing_key(secret, signature.scope), to_sign.encode(), hashlib.sha256)
    return hmac.compare_digest(expected.hexdigest(), signature.value)


def _canonical_request(signature: Signature, environ: Environ, body: bytes) -> str:
    url = urlsplit(environ["RAW_URI"])
    # WSGI hands over what is on the wire as Latin-1
    path = url.path.encode("latin-1").decode()
    if signature.service == "s3":
        path = quote(path, safe="/-_.~%") or "/"
    else:
        path = quote(normalize_url_path(path), safe="/~")
    pairs = (part.partition("=") for part in url.query.split("&") if part)
    query = sorted((name, value) for name, _, value in pairs if name != "X-Amz-Signature")
    headers = "".join(f"{name}:{_header(environ, name)}\n" for name in signature.signed_headers)
    payload = environ.get("HTTP_X_AMZ_CONTENT_SHA256") or (
        _UNSIGNED if signature.in_query else hashlib.sha256(body).hexdigest()
    )
    return "\n".join(
        (
            environ["REQUEST_METHOD"],
            path,
            "&".join(f"{name}={value}" for name, value in query),
            headers,
            ";".join(signature.signed_headers),
            payload,
        )
    )


def _header(environ: Environ, name: str) -> str:
    key = name.upper().replace("-", "_")
    if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        key = f"HTTP_{key}"
    return " ".join(str(environ.get(key, "")).split())


@lru_cache(maxsize=64)
def _signing_key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
