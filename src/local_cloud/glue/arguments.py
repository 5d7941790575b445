"""What a job run's arguments tell Glue itself, and what the script gets of them."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Mapping
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement

from local_cloud.glue.errors import InvalidRequestError, LaunchError, NotRunHereError

_REFUSED = {
    "--datalake-formats": "Iceberg, Hudi or Delta libraries (--datalake-formats)",
    "--class": "Scala jobs (--class)",
}
_OWN = {"--JOB_NAME", "--JOB_ID", "--JOB_RUN_ID"}
_CONSUMED = {"--extra-py-files", "--extra-files", "--extra-jars", "--additional-python-modules"}


@dataclass(frozen=True)
class Arguments:
    """The merged arguments of a job run, read the way Glue reads its special parameters.

    Attributes:
        script: What the script finds in `sys.argv` after its own name.
        spark: Spark properties from `--conf`.
        modules: Requirements from `--additional-python-modules`.
    """

    script: list[str]
    py_files: list[str]
    files: list[str]
    jars: list[str]
    modules: list[str]
    spark: dict[str, str]
    bookmark: str


def read_arguments(arguments: Mapping[str, str], *, job_name: str, job_run_id: str) -> Arguments:
    """Read `arguments`; what Glue takes for itself does not reach the script.

    Raises:
        NotRunHereError: An argument asks for something that is not run here.
        InvalidRequestError: An argument that Glue refuses as well.
    """
    for name in arguments:
        if name in _REFUSED:
            raise NotRunHereError(_REFUSED[name])
        if not name.startswith("--"):
            raise InvalidRequestError(f"The argument {name} does not start with --.")
    script = [
        item
        for name, value in arguments.items()
        if name not in _CONSUMED | _OWN
        for item in (name, value)
    ]
    script += ["--JOB_RUN_ID", job_run_id, "--JOB_NAME", job_name]
    return Arguments(
        script=script,
        py_files=_split(arguments.get("--extra-py-files")),
        files=_split(arguments.get("--extra-files")),
        jars=_split(arguments.get("--extra-jars")),
        modules=_split(arguments.get("--additional-python-modules")),
        spark=_spark_properties(arguments.get("--conf", "")),
        bookmark=arguments.get("--job-bookmark-option", "job-bookmark-disable"),
    )


def check_modules(modules: list[str]) -> None:
    """Glue would pip-install these; here they have to be in the virtual environment already.

    Raises:
        LaunchError: One is not, or not in the version asked for.
    """
    for text in modules:
        try:
            requirement = Requirement(text)
            installed = importlib.metadata.version(requirement.name)
        except InvalidRequirement:
            raise LaunchError(
                f"--additional-python-modules: {text} is not installed here"
            ) from None
        except importlib.metadata.PackageNotFoundError:
            raise LaunchError(
                f"--additional-python-modules: {text} is not installed here"
            ) from None
        if not requirement.specifier.contains(installed, prereleases=True):
            raise LaunchError(f"--additional-python-modules: {text} asked for, {installed} is here")


def _split(text: str | None) -> list[str]:
    return [item.strip() for item in (text or "").split(",") if item.strip()]


def _spark_properties(text: str) -> dict[str, str]:
    """Glue's form is `a=1 --conf b=2`."""
    items = (item.strip() for item in re.split(r"(?:^|\s)--conf\s", f" {text}"))
    pairs = (item.partition("=") for item in items if item)
    return {name.strip(): value.strip() for name, _, value in pairs}
