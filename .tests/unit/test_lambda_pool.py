"""The pool of Lambda workers: what holds between it and a process that starts."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from local_cloud.lambda_.pool import Pool
from local_cloud.lambda_.workers import Program

PROGRAM = Program(
    arn="arn:aws:lambda:us-east-1:000000000000:function:shop",
    name="shop",
    version="$LATEST",
    handler="shop.handle",
    role="arn:aws:iam::000000000000:role/shop",
    memory_mb=128,
    timeout_seconds=3,
    environment=(),
    path=(Path("/"),),
)


class StandIn:
    """A cloud whose processes end at once; it keeps what the pool knew when they started."""

    endpoint_url = "http://127.0.0.1:1"

    def __init__(self) -> None:
        self.pool: Pool
        self.known: list[bool] = []
        self.refusal: Exception | None = None

    def role_environment(self, *_: Any, **__: Any) -> dict[str, str]:
        if self.refusal:
            raise self.refusal
        return {}

    def spawn(self, command: list[str], *, env: dict[str, str], **_: Any) -> Any:
        _, _, worker_id = env["AWS_LAMBDA_RUNTIME_API"].split("/")
        self.known.append(worker_id in self.pool.workers)
        return subprocess.Popen(["sh", "-c", "exit 3"], stdout=subprocess.PIPE, text=True)


@pytest.fixture
def cloud(tmp_path: Path) -> StandIn:
    made = StandIn()
    made.pool = Pool(made, tmp_path / "scratch")  # type: ignore[arg-type]
    return made


def test_worker_is_known_before_its_process_can_ask(cloud: StandIn) -> None:
    result, _ = cloud.pool.run(PROGRAM, b"{}")
    assert cloud.known == [True]
    assert result.failed and b"exit status 3" in result.payload


def test_worker_that_cannot_start_is_forgotten(cloud: StandIn, tmp_path: Path) -> None:
    cloud.refusal = PermissionError("not trusted")
    with pytest.raises(PermissionError):
        cloud.pool.run(PROGRAM, b"{}")
    assert not cloud.pool.workers
    assert not list((tmp_path / "scratch").iterdir())
