"""The validator's Lambda function."""

from __future__ import annotations

from functools import cached_property

from botocore.exceptions import ClientError

from aws.lambda_ import Function, get_function
from etl import settings
from etl.doctor.explain import error_code
from etl.doctor.findings import Check, Finding, Group, fail, ok, warn
from etl.doctor.patient import Patient
from etl.doctor.roles import check_role

_RUNTIME = "python3.12"  # that tools/package.py chooses the packages for
_SERVICE = "lambda.amazonaws.com"
_ARCHIVE = "fileb://build/validator.zip"


class Validator:
    """The validator's function, its size, and its role."""

    def __init__(self, patient: Patient) -> None:
        self._patient = patient
        self._settings = patient.settings.validator

    @property
    def checks(self) -> Group:
        """In order."""
        return [
            Check("validator", self._exists),
            Check("  validator: size", self._has_size),
            Check("  validator: role", self._has_role),
        ]

    @cached_property
    def _function(self) -> Function:
        return get_function(self._patient.client("lambda"), name=self._settings.function_name)

    def _exists(self) -> Finding:
        name = self._settings.function_name
        try:
            found = self._function
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise
            return fail(f"there is no function {name}", self._create())
        if found.runtime not in ("", _RUNTIME):  # an image brings its own
            return fail(
                f"{name} runs on {found.runtime}, its packages are for {_RUNTIME}",
                self._update("--runtime", _RUNTIME),
            )
        if found.state == "Failed":
            return fail(f"{name} cannot be run, Lambda says", self._update_code())
        return ok(f"{name}, {found.runtime or 'a container image'}")

    def _has_size(self) -> Finding:
        found, wanted = self._function, self._settings
        names = ("memory_mb", "storage_mb", "timeout_seconds")
        larger = {each: max(getattr(found, each), getattr(wanted, each)) for each in names}
        if all(getattr(found, each) == size for each, size in larger.items()):
            return ok(_size(found))
        return warn(
            f"{_size(found)}: less than the settings' {_size(wanted)}",
            self._update(
                *("--memory-size", str(larger["memory_mb"])),
                *("--ephemeral-storage", f"Size={larger['storage_mb']}"),
                *("--timeout", str(larger["timeout_seconds"])),
            ),
        )

    def _has_role(self) -> Finding:
        return check_role(self._patient, self._function.role_arn, _SERVICE)

    def _create(self) -> str:
        wanted, partition = self._settings, self._patient.settings.partition
        identity = self._patient.identity
        account = identity.account if identity else "<account>"
        create = self._patient.command(
            *("lambda", "create-function", "--function-name", wanted.function_name),
            *("--runtime", _RUNTIME, "--handler", "validator_handler.handle"),
            *("--role", f"arn:{partition}:iam::{account}:role/{wanted.function_name}"),
            *("--memory-size", str(wanted.memory_mb), "--timeout", str(wanted.timeout_seconds)),
            *("--ephemeral-storage", f"Size={wanted.storage_mb}"),
            *("--zip-file", _ARCHIVE),
        )
        # Lambda refuses a function whose role it cannot take on.
        role = check_role(self._patient, wanted.function_name, _SERVICE)
        return " && ".join(["make package", *filter(None, [role.fix]), create])

    def _update(self, *options: str) -> str:
        name = self._settings.function_name
        return self._patient.command(
            *("lambda", "update-function-configuration", "--function-name", name), *options
        )

    def _update_code(self) -> str:
        name = self._settings.function_name
        update = self._patient.command(
            *("lambda", "update-function-code", "--function-name", name, "--zip-file", _ARCHIVE)
        )
        return f"make package && {update}"


def _size(function: Function | settings.Validator) -> str:
    storage = f"{function.storage_mb} MB for files"
    return f"{function.memory_mb} MB, {storage}, {function.timeout_seconds} s"
