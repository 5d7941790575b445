"""The Glue job of the transform."""

from __future__ import annotations

import json
from functools import cached_property

from botocore.exceptions import ClientError

from aws.glue.jobs import Job, get_job
from aws.s3 import head_object
from etl.doctor.explain import error_code
from etl.doctor.findings import Check, Finding, Group, fail, ok, warn
from etl.doctor.patient import Patient
from etl.doctor.roles import check_role
from etl.infrastructure.glue_job import GLUE_VERSION
from etl.keys import parse_s3_uri


class GlueJob:
    """The transform's job, what it runs, and its role."""

    def __init__(self, patient: Patient) -> None:
        self._patient = patient
        self._settings = patient.settings.glue

    @property
    def checks(self) -> Group:
        """In order."""
        return [
            Check("Glue job", self._exists),
            Check("  job: workers", self._has_workers),
            Check("  job: script", self._has_script),
            Check("  job: role", self._has_role),
        ]

    @cached_property
    def _job(self) -> Job:
        return get_job(self._patient.client("glue"), name=self._settings.job_name)

    def _exists(self) -> Finding:
        name = self._settings.job_name
        try:
            version = self._job.glue_version
        except ClientError as error:
            if error_code(error) != "EntityNotFoundException":
                raise
            return fail(f"there is no job {name}", self._create())
        if version != GLUE_VERSION:
            return warn(
                f"{name} runs on Glue {version}, the transform is tested on {GLUE_VERSION}",
                f"set the job's Glue version to {GLUE_VERSION}, in the console or by Terraform:"
                " `aws glue update-job` resets what it is not told",
            )
        return ok(f"{name}, Glue {version}")

    def _create(self) -> str:
        wanted, code = self._settings, self._code()
        copied = [
            self._patient.command("s3", "cp", "build/etl.zip", code + "etl.zip"),
            self._patient.command("s3", "cp", "_glue-job/transform.py", code + "transform.py"),
        ]
        create = self._patient.command(
            *("glue", "create-job", "--name", wanted.job_name, "--role", wanted.job_name),
            *("--command", f"Name=glueetl,PythonVersion=3,ScriptLocation={code}transform.py"),
            *("--default-arguments", json.dumps({"--extra-py-files": code + "etl.zip"})),
            *("--glue-version", GLUE_VERSION, "--worker-type", wanted.worker_type),
            *("--number-of-workers", str(wanted.number_of_workers)),
            *("--timeout", str(wanted.timeout_minutes)),
        )
        return " && ".join(["make package", *copied, create])

    def _code(self) -> str:
        return f"s3://{self._patient.settings.buckets.artifacts}/code/"

    def _has_workers(self) -> Finding:
        found = f"{self._job.number_of_workers} {self._job.worker_type}"
        wanted = f"{self._settings.number_of_workers} {self._settings.worker_type}"
        if found == wanted:
            return ok(found)
        return warn(
            f"the job has {found}, the settings say {wanted}: costs are estimated by the settings",
            f"set glue: worker_type and number_of_workers"
            f" in config/{self._patient.settings.environment}.yml",
        )

    def _has_script(self) -> Finding:
        uri = self._job.script_uri
        bucket, key = parse_s3_uri(uri)
        if head_object(self._patient.client("s3"), bucket=bucket, key=key):
            return ok(uri)
        copy = self._patient.command("s3", "cp", "_glue-job/transform.py", uri)
        return fail(f"{uri} does not exist", copy)

    def _has_role(self) -> Finding:
        return check_role(self._patient, self._job.role, "glue.amazonaws.com")
