"""The archives that AWS runs: the same bytes from the same inputs, small, and enough to import."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3")


def load_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("package_tool", ROOT / "tools" / "package.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


package = load_tool()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    archives: dict[str, Path] = package.build("host", output=tmp_path_factory.mktemp("build"))
    return archives


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with one function that needs one installed package."""
    files = {
        "src/etl/rules.py": "from etl import numbers\nTOP = numbers.ONE\n",
        "src/etl/numbers.py": "ONE = 1\n",
        "src/etl/settings.py": "import pydantic\n",
        "src/aws/kit/__init__.py": "from aws.kit.inner import X\n",
        "src/aws/kit/inner.py": "X = 1\n",
        "_glue-job/transform.py": "import boto3\nfrom etl.rules import TOP\n",
        "_lambda/checker/checker_handler.py": (
            "from typing import TYPE_CHECKING\nimport six\nimport aws.kit\n"
            "if TYPE_CHECKING:\n    from etl.settings import Settings\n"
        ),
        "_lambda/checker/requirements.txt": "# why\nsix\n",
        "requirements-deploy.txt": (
            "boto3==1 \\\n    --hash=sha256:00\nsix==1.17.0 \\\n    --hash=sha256:01 \\\n"
            "    --hash=sha256:02\nsixer==2 \\\n    --hash=sha256:03\n"
        ),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def names(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def test_build_archives_hold_what_their_entry_points_import(tree: Path) -> None:
    found = package.build("host", root=tree)
    assert found == {
        "etl": tree / "build" / "host" / "etl.zip",
        "checker": tree / "build" / "host" / "checker.zip",
    }
    assert names(found["etl"]) == {"etl/rules.py", "etl/numbers.py"}
    own = {name for name in names(found["checker"]) if "licenses" not in name}
    assert own == {"checker_handler.py", "aws/kit/__init__.py", "aws/kit/inner.py", "six.py"}


def test_build_twice_gives_the_same_bytes(tree: Path) -> None:
    first = {name: path.read_bytes() for name, path in package.build(root=tree).items()}
    for path in tree.rglob("*.py"):
        os.utime(path, (1, 1))
    second = package.build(root=tree, output=tree / "again")
    assert first == {name: path.read_bytes() for name, path in second.items()}


def test_build_unchanged_inputs_leave_the_archive_alone(tree: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in package.build(root=tree).values()}
    assert before == {path: path.stat().st_mtime_ns for path in package.build(root=tree).values()}


def test_build_changed_module_rebuilds(tree: Path) -> None:
    before = package.build(root=tree)["etl"].read_bytes()
    (tree / "src/etl/numbers.py").write_text("ONE = 2\n")
    archive = package.build(root=tree)["etl"]
    assert archive.read_bytes() != before
    with zipfile.ZipFile(archive) as opened:
        assert opened.read("etl/numbers.py") == b"ONE = 2\n"


def test_build_package_that_no_requirement_names_is_refused(tree: Path) -> None:
    (tree / "_lambda/checker/requirements.txt").unlink()
    with pytest.raises(package.PackageError, match="checker imports six: name its package"):
        package.build(root=tree)


def test_build_module_is_covered_by_the_package_that_brings_it(tree: Path) -> None:
    (tree / "src/aws/kit/inner.py").write_text("import yaml\nX = yaml\n")
    requirements = tree / "_lambda/checker/requirements.txt"
    requirements.write_text("six\npyyaml\n")
    assert "yaml/__init__.py" in names(package.build("host", root=tree)["checker"])


def test_build_takes_the_files_that_a_function_names_at_their_own_places(tree: Path) -> None:
    (tree / "config").mkdir()
    (tree / "config" / "dev.yml").write_text("region: eu-west-1\n")
    patterns = tree / "_lambda/checker/files.txt"
    patterns.write_text("# settings\nconfig/*.yml\n")
    assert "config/dev.yml" in names(package.build("host", root=tree)["checker"])
    patterns.write_text("config/*.toml\n")
    with pytest.raises(package.PackageError, match="files.txt: there is no config/\\*.toml"):
        package.build("host", root=tree)


def test_build_glue_module_that_glue_cannot_import_is_refused(tree: Path) -> None:
    (tree / "src/etl/numbers.py").write_text("import pydantic\nONE = 1\n")
    with pytest.raises(package.PackageError, match="Glue has no pydantic"):
        package.build(root=tree)


def test_build_too_large_is_refused_and_nothing_is_written(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "MAX_UNZIPPED_BYTES", 1000)
    with pytest.raises(package.PackageError, match="checker.zip would be .* Lambda takes 1,000"):
        package.build(root=tree)
    assert [path.name for path in (tree / "build" / "host").iterdir()] == ["etl.zip"]


def test_build_for_lambda_installs_the_locked_versions_with_their_hashes(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def install(locked: list[str], machine: str, folder: Path) -> dict[str, Path]:
        asked.append((locked, machine))
        return {}

    monkeypatch.setattr(package, "_install", install)
    lines = "six==1.17.0 \\\n    --hash=sha256:01 \\\n    --hash=sha256:02"
    assert package.build("lambda", root=tree)["checker"] == tree / "build" / "checker.zip"
    package.build("lambda-arm64", root=tree)
    assert asked == [([lines], "x86_64"), ([lines], "aarch64")]


def test_build_for_lambda_finds_a_package_that_is_locked_with_extras(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "six[fast, http2]==1.17.0 --hash=sha256:01"
    (tree / "requirements-deploy.txt").write_text(f"sixteen==1\n{line}\n")
    asked: list[Any] = []
    monkeypatch.setattr(package, "_install", lambda locked, *_: asked.append(locked) or {})
    package.build("lambda", root=tree)
    assert asked == [[line]]


def test_locked_requirements_name_the_extras_that_are_asked_for() -> None:
    locked = (package.ROOT / "requirements.txt").read_text()
    assert "\nmoto[server]==" in locked and "\npy-key-value-aio[memory, redis]==" in locked


def test_build_for_lambda_unlocked_package_is_refused(tree: Path) -> None:
    (tree / "requirements-deploy.txt").write_text("boto3==1\n")
    with pytest.raises(package.PackageError, match="six is not locked"):
        package.build("lambda", root=tree)


def test_build_repository_validator_is_below_lambdas_limits(built: dict[str, Path]) -> None:
    with zipfile.ZipFile(built["validator"]) as archive:
        assert sum(info.file_size for info in archive.infolist()) < 130e6
    assert built["validator"].stat().st_size < 50e6  # the most that a direct upload takes


def test_build_repository_unchanged_writes_nothing(built: dict[str, Path]) -> None:
    before = {name: path.stat().st_mtime_ns for name, path in built.items()}
    again = package.build("host", output=built["validator"].parent)
    assert {name: path.stat().st_mtime_ns for name, path in again.items()} == before


def test_validator_archive_imports_and_validates_with_the_runtime_alone(
    built: dict[str, Path], tmp_path: Path
) -> None:
    unzipped, runtime = tmp_path / "task", tmp_path / "runtime"
    with zipfile.ZipFile(built["validator"]) as archive:
        archive.extractall(unzipped)
    runtime.mkdir()
    for name in RUNTIME:  # what Lambda's own Python brings along
        for file in metadata.distribution(name).files or []:
            top = file.parts[0]
            if top != ".." and not (runtime / top).exists():
                (runtime / top).symlink_to(
                    Path(str(file.locate())).parents[len(file.parts) - 1] / top
                )
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        f"sys.path[:0] = [{str(unzipped)!r}, {str(runtime)!r}]\n"
        "import zoneinfo; zoneinfo.reset_tzpath([])\n"  # no time zones but the archive's
        "import validator_handler\n"
        "import io, pyarrow as pa, pyarrow.parquet as pq\n"
        "from datetime import date\n"
        "from etl.validation.figures import Figures\n"
        "from etl.validation.parquet_footers import latest, open_parquet\n"
        "sink = io.BytesIO()\n"
        "at = pa.array([0, 1], pa.timestamp('us', 'UTC'))\n"
        "pq.write_table(pa.table({'a': [1, 1], 'b': ['x', 'x'], 'at': at}), sink)\n"
        "file = open_parquet('x', sink, size=sink.tell())\n"
        "figures = Figures([file], run_date=date(2026, 1, 1))\n"
        "asked = figures.duplicates(('a', 'b')), figures.duplicates(('a', 'at'))\n"
        "figures.read()\n"
        "print(*(each() for each in asked))\n"
        "print(latest([file], 'at')[1], pa.__file__.startswith(sys.path[0]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(script)], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == (
        "1 0\n1970-01-01 00:00:00.000001+00:00 True\n",
        "",
    )


def import_from(archive: Path, *modules: str) -> str:
    """What a Python that has the archive alone complains of when it imports modules from it."""
    code = f"import sys; sys.path.insert(0, {str(archive)!r}); import {', '.join(modules)}"
    command = [sys.executable, "-I", "-S", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stderr


def test_etl_archive_imports_without_being_unpacked(tree: Path) -> None:
    assert import_from(package.build(root=tree)["etl"], "etl.rules") == ""


def test_repository_etl_archive_has_what_glue_needs_to_judge(built: dict[str, Path]) -> None:
    assert import_from(built["etl"], "etl.model", "etl.expressions", "etl.judge") == ""
