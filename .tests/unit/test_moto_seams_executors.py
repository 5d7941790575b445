"""What the Glue and Athena executors take from inside moto, which promises none of it."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from moto.athena import models as athena
from moto.athena import urls as athena_urls
from moto.athena.responses import AthenaResponse
from moto.core.base_backend import BaseBackend
from moto.glue import models as glue
from moto.glue import urls as glue_urls
from moto.glue.responses import GlueResponse

from local_cloud.athena.backend import EmbeddedAthenaBackend, EmbeddedAthenaResponse
from local_cloud.athena.execution import QueryExecution
from local_cloud.glue.backend import EmbeddedGlueBackend, EmbeddedGlueResponse
from local_cloud.glue.job_run import JobRun


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize(
    ("ours", "motos", "method"),
    [
        (EmbeddedGlueBackend, glue.GlueBackend, "start_job_run"),
        (EmbeddedGlueBackend, glue.GlueBackend, "get_job_runs"),
        (EmbeddedAthenaBackend, athena.AthenaBackend, "start_query_execution"),
        (EmbeddedAthenaBackend, athena.AthenaBackend, "get_query_execution"),
        (EmbeddedAthenaBackend, athena.AthenaBackend, "stop_query_execution"),
    ],
)
def test_overridden_methods_take_what_moto_passes(ours: Any, motos: Any, method: str) -> None:
    assert parameters(getattr(ours, method)) == parameters(getattr(motos, method))


@pytest.mark.parametrize(
    ("ours", "motos", "overridden", "added"),
    [
        (
            EmbeddedGlueResponse,
            GlueResponse,
            [],
            ["batch_stop_job_run", "get_job_bookmark", "reset_job_bookmark", "update_job"],
        ),
        (
            EmbeddedAthenaResponse,
            AthenaResponse,
            [
                "create_prepared_statement",
                "get_query_execution",
                "get_query_results",
                "get_query_runtime_statistics",
            ],
            ["batch_get_query_execution", "update_work_group"],
        ),
    ],
)
def test_actions_are_overridden_where_moto_has_them_and_added_where_not(
    ours: Any, motos: Any, overridden: list[str], added: list[str]
) -> None:
    assert all(hasattr(motos, name) for name in overridden)
    assert not any(hasattr(motos, name) for name in added), "moto has it now: compare"
    own = {name for name, value in vars(ours).items() if inspect.isfunction(value)}
    assert own == {*overridden, *added}


@pytest.mark.parametrize(
    ("backends", "urls"), [(glue.glue_backends, glue_urls), (athena.athena_backends, athena_urls)]
)
def test_backend_classes_and_urls_are_replaceable(backends: Any, urls: Any) -> None:
    assert issubclass(backends.backend, BaseBackend)
    assert list(urls.url_paths) == ["{0}/$"] and urls.url_bases
    assert "self._url_module" in inspect.getsource(BaseBackend.url_paths.fget)  # type: ignore


def test_records_replace_motos_states_by_their_own() -> None:
    assert issubclass(JobRun, glue.FakeJobRun) and issubclass(QueryExecution, athena.Execution)
    for record in (JobRun, QueryExecution):
        assert isinstance(vars(record)["status"], property)
    assert "job_run.as_dict()" in inspect.getsource(GlueResponse.get_job_run)
    assert "job_run.as_dict()" in inspect.getsource(GlueResponse.get_job_runs)


def test_jobs_keep_what_runs_are_made_of() -> None:
    made = inspect.getsource(glue.FakeJob.__init__)
    for attribute in (
        "command",
        "default_arguments",
        "execution_class",
        "execution_property",
        "glue_version",
        "job_runs",
        "max_capacity",
        "max_retries",
        "non_overridable_arguments",
        "number_of_workers",
        "timeout",
        "worker_type",
    ):
        assert f"self.{attribute}" in made


def test_workgroups_keep_what_queries_ask_for() -> None:
    backend = athena.AthenaBackend("us-east-1", "123456789012")
    assert backend.work_groups["primary"].configuration["EnforceWorkGroupConfiguration"] is False
    assert backend.work_groups["primary"].state == "ENABLED"
