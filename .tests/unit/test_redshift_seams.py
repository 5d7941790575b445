"""What the embedded Redshift uses of moto that is no public API: a new version must pass this."""

from __future__ import annotations

import inspect

import moto.backend_index
import moto.redshift.models as redshift_models
from moto.backends import get_backend
from moto.core.base_backend import AccountSpecificBackend, BackendDict
from moto.core.responses import BaseResponse
from moto.redshift.responses import RedshiftResponse
from moto.redshiftdata.models import RedshiftDataAPIServiceBackend, redshiftdata_backends
from moto.redshiftdata.responses import RedshiftDataAPIServiceResponse


def test_backend_dictionaries_can_be_given_another_backend() -> None:
    for backends in (redshift_models.redshift_backends, redshiftdata_backends):
        assert isinstance(backends, BackendDict)
        assert {"backend", "service_name", "_additional_regions"} <= vars(backends).keys()
    assert "additional_regions" in inspect.signature(AccountSpecificBackend.__init__).parameters


def test_cluster_backend_has_the_methods_that_are_replaced() -> None:
    backend = redshift_models.RedshiftBackend
    assert isinstance(inspect.getattr_static(redshift_models.Cluster, "endpoint"), property)
    assert list(inspect.signature(backend.get_cluster_credentials).parameters) == [
        *("self", "cluster_identifier", "db_user", "auto_create", "duration_seconds")
    ]
    assert callable(backend.create_cluster) and callable(RedshiftResponse.get_cluster_credentials)
    source = inspect.getsource(redshift_models.Cluster.__init__)
    assert "self.master_user_password" in source and "self.master_username" in source


def test_data_api_response_has_the_actions_that_are_replaced() -> None:
    for name in ("execute_statement", "describe_statement", "get_statement_result"):
        assert callable(getattr(RedshiftDataAPIServiceResponse, name))
    assert "_url_module" in dir(RedshiftDataAPIServiceBackend)
    assert callable(BaseResponse.get_access_key)


def test_services_are_found_by_a_pattern_and_a_module() -> None:
    assert isinstance(moto.backend_index.backend_url_patterns, list)
    assert 'import_module("moto." + module_name)' in inspect.getsource(
        inspect.getmodule(get_backend)._import_backend  # type: ignore[union-attr]
    )
    assert not any(
        pattern.match("https://redshift-serverless.us-east-1.amazonaws.com")
        for name, pattern in moto.backend_index.backend_url_patterns
        if name != "redshiftserverless"
    )
