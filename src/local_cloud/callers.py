"""Who calls: the key behind a request's signature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from local_cloud.context import Cloud
from local_cloud.signatures import Signature, is_genuine

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment


class Refusal(Exception):
    """A request that is answered with an error before moto sees it."""

    def __init__(self, status: str, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def authenticate(
    cloud: Cloud, signature: Signature | None, environ: WSGIEnvironment, body: bytes
) -> Signature:
    """The request's signature, if it is there and genuine.

    Raises:
        Refusal: It is not.
    """
    if signature is None:
        raise Refusal(
            "403 Forbidden",
            "AccessDenied",
            "The request is not signed. `python -m local_cloud env` prints a key to sign with.",
        )
    secret, token = secret_of(cloud, signature.access_key_id)
    is_s3, is_form = signature.service == "s3", "urlencoded" in environ.get("CONTENT_TYPE", "")
    if secret is None or (token is not None and token != signature.token):
        code = "InvalidAccessKeyId" if is_s3 else "UnrecognizedClientException"
        raise Refusal(
            "403 Forbidden",
            "InvalidClientTokenId" if is_form else code,
            "The AWS access key id, or the security token with it, is not known to this"
            " embedded cloud. `python -m local_cloud env` prints its key.",
        )
    if not is_genuine(signature, environ=environ, body=body, secret=secret):
        code = "SignatureDoesNotMatch" if is_s3 or is_form else "InvalidSignatureException"
        raise Refusal(
            "403 Forbidden",
            code,
            "The request signature we calculated does not match the signature you provided."
            " Check your AWS secret access key and signing method.",
        )
    return signature


def caller_arn(cloud: Cloud, signature: Signature) -> str:
    """Who a genuine signature belongs to."""
    backends = sts_backends[cloud.account_id]["aws"]
    if role := backends.get_assumed_role_from_access_key(signature.access_key_id):
        return str(role.arn)
    for user in iam_backends[cloud.account_id]["aws"].users.values():
        if any(key.access_key_id == signature.access_key_id for key in user.access_keys):
            return str(user.arn)
    return f"arn:aws:iam::{cloud.account_id}:root"


def secret_of(cloud: Cloud, access_key_id: str) -> tuple[str | None, str | None]:
    """The secret of a key, and the session token that has to come with it."""
    if access_key_id == cloud.credentials.access_key_id:
        return cloud.credentials.secret_access_key, None
    role = sts_backends[cloud.account_id]["aws"].get_assumed_role_from_access_key(access_key_id)
    if role:
        return role.secret_access_key, role.session_token
    key = iam_backends[cloud.account_id]["aws"].access_keys.get(access_key_id)
    if key and key.status == "Active":
        return key.secret_access_key, None
    return None, None
