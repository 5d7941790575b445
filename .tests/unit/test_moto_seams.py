"""What the embedded cloud's core takes from inside moto, which promises none of it.

A bump of moto that breaks one of these would lose data or run nothing; here it fails with the name
of what moved. What the parts do together is tested on a running cloud in .tests/integration.
"""

from __future__ import annotations

import inspect
import re
from importlib import metadata
from pathlib import Path
from typing import Any

import moto.awslambda.models as awslambda
import moto.s3.models as s3
import pytest
from moto.core import base_backend
from moto.core.common_models import BaseModel
from moto.iam.models import iam_backends
from moto.moto_server import werkzeug_app
from moto.s3.utils import _VersionedKeyStore
from moto.sts.models import sts_backends
from werkzeug.serving import WSGIRequestHandler

ROOT = Path(__file__).resolve().parents[2]


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def source(function: Any) -> str:
    return inspect.getsource(function)


def test_moto_is_the_version_that_is_declared() -> None:
    declared = re.search(r'"moto\[server\]==([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert declared and metadata.version("moto") == declared[1]


def test_backends_are_looked_up_where_the_journal_listens() -> None:
    assert parameters(base_backend.AccountSpecificBackend.__getitem__) == ["self", "region_name"]
    backends = iam_backends["123456789012"]
    assert (backends.service_name, backends.account_id) == ("iam", "123456789012")
    assert backends["aws"].region_name == "aws"
    assert iam_backends.backend.__name__ == "IAMBackend"


@pytest.mark.parametrize("name", ["FakeKey", "FakeMultipart"])
def test_s3_makes_keys_and_uploads_through_names_of_its_module(name: str) -> None:
    assert f"{name}(" in source(s3.S3Backend) + source(s3.FakeMultipart)
    assert not re.search(rf"type\(\w+\) is {name}\b", source(s3))


def test_s3_key_takes_its_bytes_through_value() -> None:
    made = source(s3.FakeKey.__init__)
    assert "self.value = value" in made and "self._etag = etag" in made
    assert made.index("self._etag = etag") < made.index("self.value = value")
    assert "self.multipart = multipart" in made
    assert isinstance(inspect.getattr_static(s3.FakeKey, "value"), property)
    assert parameters(s3.FakeKey.dispose) == ["self", "garbage"]


def test_s3_upload_is_joined_by_complete() -> None:
    assert parameters(s3.FakeMultipart.complete) == ["self", "body"]
    assert "value, etag, checksum_details = multipart.complete(body)" in source(
        s3.S3Backend.complete_multipart_upload
    )
    assert parameters(s3.MultipartChecksumBuilder.__init__)[1:] == [
        "checksum_algorithm",
        "checksum_type",
    ]


@pytest.mark.parametrize("name", ["put_object", "delete_object", "create_multipart_upload"])
def test_s3_changes_objects_by_bucket_and_key(name: str) -> None:
    assert parameters(getattr(s3.S3Backend, name))[1:3] == ["bucket_name", "key_name"]


@pytest.mark.parametrize("name", ["copy_object", "complete_multipart_upload"])
def test_s3_writes_every_object_by_put_object(name: str) -> None:
    assert "self.put_object(" in source(getattr(s3.S3Backend, name))


def test_s3_bucket_keeps_objects_and_uploads_apart_from_the_rest() -> None:
    backend = s3.S3Backend("aws", "123456789012")
    assert backend.buckets == {} and backend.tagger.tags == {}
    bucket = backend.create_bucket("bucket-of-this-test", "us-east-1")
    assert isinstance(bucket.keys, _VersionedKeyStore)
    assert isinstance(bucket.multiparts, s3.MultipartDict)
    accounts = s3.s3_backends.bucket_accounts
    assert accounts.pop(bucket.name) == ("aws", "123456789012")
    for name in ("get", "getlist", "setlist"):
        assert callable(getattr(_VersionedKeyStore, name))


def test_models_are_made_by_a_new_that_can_be_replaced() -> None:
    assert "instances_tracked.append" in source(BaseModel.__new__)


def test_lambda_makes_functions_and_layers_through_names_of_its_module() -> None:
    assert "LambdaFunction(" in source(awslambda.LambdaBackend.create_function)
    assert "LayerVersion(" in source(awslambda.LambdaBackend.publish_layer_version)
    assert parameters(awslambda.LambdaFunction._set_function_code) == ["self", "updated_spec"]
    assert parameters(awslambda.LambdaFunction.invoke) == [
        "self",
        "body",
        "request_headers",
        "response_headers",
    ]
    assert "fn.invoke(body, headers, response_headers)" in source(awslambda.LambdaBackend.invoke)
    for kind in (awslambda.LambdaFunction._set_function_code, awslambda.LayerVersion.__init__):
        assert "self.code_bytes" in source(kind) and "self.code_digest" in source(kind)


def test_server_is_a_wsgi_application_for_each_service() -> None:
    application = werkzeug_app.DomainDispatcherApplication(werkzeug_app.create_backend_app)
    assert callable(application)
    assert issubclass(werkzeug_app.MotoRequestHandler, WSGIRequestHandler)
    assert "RAW_URI" in source(WSGIRequestHandler.make_environ)


def test_credentials_are_where_signatures_are_checked_against() -> None:
    assert iam_backends["123456789012"]["aws"].access_keys == {}
    find = sts_backends["123456789012"]["aws"].get_assumed_role_from_access_key
    assert find("AKIAUNKNOWN") is None
    made = source(sts_backends.backend.assume_role)
    assert "assumed_roles.append" in made


def test_server_finds_a_service_by_host_alone() -> None:
    find = werkzeug_app.DomainDispatcherApplication.get_backend_for_host
    assert parameters(find) == ["self", "host"]
    assert "self.get_backend_for_host(host)" in source(
        werkzeug_app.DomainDispatcherApplication.get_application
    )
