"""Build what AWS runs: build/<function>.zip for each folder of _lambda/, and etl.zip for Glue.

An archive holds the modules that its entry point imports, found by following the imports, and the
packages that the function's requirements.txt names, at the versions that are locked, and the files
that its files.txt names. The same inputs give the same bytes, and an archive whose inputs have not
changed is left alone.

    python tools/package.py                       # for AWS Lambda on x86_64
    python tools/package.py --target lambda-arm64
    python tools/package.py --target host         # for the embedded cloud, on this machine
"""

from __future__ import annotations

import argparse
import ast
import functools
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAX_UNZIPPED_BYTES = 250 * 1024 * 1024  # AWS Lambda quotas: deployment package, unzipped

# Lambda's python3.11 runtime is Amazon Linux 2 with glibc 2.26, for which pyarrow has no wheel;
# from python3.12 on it is Amazon Linux 2023 with glibc 2.34.
LAMBDA_PYTHON = "3.12"
PLATFORMS = {"lambda": "x86_64", "lambda-arm64": "aarch64"}
TARGETS = ("host", *PLATFORMS)

_PROVIDED = {"boto3", "botocore", "pyspark", "awsglue"}  # by the runtimes
_UNUSED = re.compile(
    r"""
      /(tests|include|includes|src|interchange|__pycache__)/
    | \.(pyx|pxd|pxi|pyi|h|lib)$
    | /pyarrow/_?(flight|orc|dataset\w*|substrait|cuda|hdfs|gcsfs|s3fs|azurefs|pyarrow_cpp_tests)\.
    | /lib\w*flight\w*\.
    | /libarrow_python\w*\.so(\.\d+\.\d+\.\d+)?$  # copies of the .so.<major> that is linked
    | \.dist-info/(?!licenses/)
    """,
    re.VERBOSE,
)
_EPOCH = (1980, 1, 1, 0, 0, 0)

Entries = dict[str, Path]  # name in the archive -> file


class PackageError(Exception):
    """An archive cannot be built."""


def build(
    target: str = "host", *, root: Path = ROOT, output: Path | None = None
) -> dict[str, Path]:
    """Build every archive, or leave it alone where its inputs have not changed.

    Args:
        target: "host" for this machine's Python, from what is installed, without the network;
            "lambda" or "lambda-arm64" for AWS, from locked wheels.
        output: Where to; by default build/, and build/host/ for the host's.

    Returns:
        The archives by name: "etl" and one for each function.

    Raises:
        PackageError: A module or a package is missing, or an archive is too large.
    """
    output = output or (root / "build" / "host" if target == "host" else root / "build")
    built = {"etl": _etl_archive(root, output)}
    for handler in sorted(root.glob("_lambda/*/*_handler.py")):
        built[handler.parent.name] = _function_archive(handler, target, root, output)
    return built


def _etl_archive(root: Path, output: Path) -> Path:
    modules, foreign = follow_imports(sorted(root.glob("_glue-job/*.py")), root / "src")
    if foreign - _PROVIDED:
        raise PackageError(
            f"Glue has no {', '.join(sorted(foreign - _PROVIDED))}: do not import it"
        )
    path = output / "etl.zip"
    digest = _digest(modules)
    if not _is_current(path, digest):
        _write(path, modules, digest, compression=9)
    return path


def _function_archive(handler: Path, target: str, root: Path, output: Path) -> Path:
    modules, foreign = follow_imports([handler], root / "src")
    modules[handler.name] = handler
    modules |= _named_files(handler.with_name("files.txt"), root)
    wanted = _requirements(handler.with_name("requirements.txt"))
    if missing := foreign - _PROVIDED - {module for name in wanted for module in _modules(name)}:
        raise PackageError(
            f"{handler.parent.name} imports {', '.join(sorted(missing))}: "
            f"name its packages in {handler.with_name('requirements.txt').relative_to(root)}"
        )
    path = output / f"{handler.parent.name}.zip"
    if target == "host":
        digest = _digest(modules, *(_installed_record(name) for name in wanted))
        if not _is_current(path, digest):
            packages = {k: v for name in wanted for k, v in _installed_files(name).items()}
            _write(path, modules | packages, digest, compression=1)
        return path
    locked = [_locked(name, root / "requirements-deploy.txt") for name in wanted]
    digest = _digest(modules, target, *locked)
    if not _is_current(path, digest):
        with tempfile.TemporaryDirectory() as folder:
            packages = _install(locked, PLATFORMS[target], Path(folder)) if locked else {}
            _write(path, modules | packages, digest, compression=9)
    return path


def follow_imports(scripts: list[Path], source: Path) -> tuple[Entries, set[str]]:
    """The modules under `source` that scripts need, and the foreign packages that they import."""
    modules: Entries = {}
    foreign: set[str] = set()
    seen: set[str] = set()
    waiting = list(scripts)
    while waiting:
        found = _imports(waiting.pop().read_bytes())
        for name in found - seen:
            seen.add(name)
            top = name.partition(".")[0]
            if not (source / top).is_dir() and top not in sys.stdlib_module_names:
                foreign.add(top)
            for path in _module_files(name, source):
                key = path.relative_to(source).as_posix()
                if key not in modules:
                    modules[key] = path
                    waiting.append(path)
    return modules, foreign


@functools.cache  # most functions import the same modules
def _imports(source: bytes) -> frozenset[str]:
    """What a module imports when it runs; `if TYPE_CHECKING:` is left out."""
    return frozenset(_walk_imports(ast.parse(source)))


def _walk_imports(tree: ast.AST) -> Iterator[str]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        waiting.extend(ast.iter_child_nodes(node))


def _module_files(name: str, source: Path) -> list[Path]:
    """The module's file and the `__init__.py` of the packages that it is in."""
    parts = name.split(".")
    packages = [source.joinpath(*parts[: n + 1], "__init__.py") for n in range(len(parts))]
    candidates = [source.joinpath(*parts).with_suffix(".py"), *packages]
    return [path for path in candidates if path.is_file()]


def _requirements(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _modules(name: str) -> set[str]:
    """What a package is imported as: pyyaml brings `yaml`."""
    files = _installed_record(name).splitlines()
    return {name.replace("-", "_"), *(re.split("[/.,]", file, maxsplit=1)[0] for file in files)}


def _named_files(path: Path, root: Path) -> Entries:
    """The repository's files that a list of patterns names, at their own places."""
    found: Entries = {}
    for pattern in _requirements(path):
        matched = {each.relative_to(root).as_posix(): each for each in root.glob(pattern)}
        if not matched:
            raise PackageError(f"{path.relative_to(root)}: there is no {pattern}")
        found |= matched
    return found


def _installed_record(name: str) -> str:
    """What is installed of a package, with the checksum of every file."""
    return metadata.distribution(name).read_text("RECORD") or ""


def _installed_files(name: str) -> Entries:
    files = metadata.distribution(name).files or []
    found = {file.as_posix(): Path(str(file.locate())) for file in files}
    return {key: path for key, path in found.items() if _is_used(key) and path.is_file()}


def _locked(name: str, lock: Path) -> str:
    """The package's lines in a locked requirements file: its version and hashes."""
    pattern = rf"^{re.escape(name)}(?:\[[^]]*\])?==(?:.*\\\n)*.*$"
    found = re.search(pattern, lock.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise PackageError(f"{name} is not locked in {lock.name}: run `make lock`")
    return found.group()


def _install(locked: list[str], machine: str, folder: Path) -> Entries:
    """The files of locked wheels for Lambda, unpacked into `folder`."""
    requirements = folder / "requirements.txt"
    requirements.write_text("\n".join(locked) + "\n", encoding="utf-8")
    target = folder / "site"
    platforms = [f"--platform={tag}_{machine}" for tag in ("manylinux_2_28", "manylinux2014")]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-compile", "--require-hashes", "--only-binary=:all:"]
    command += [*platforms, f"--python-version={LAMBDA_PYTHON}", "--implementation=cp"]
    command += ["--target", str(target), "--requirement", str(requirements)]
    if subprocess.run(command).returncode:
        raise PackageError("pip could not fetch the wheels for Lambda; its message is above")
    found = {path.relative_to(target).as_posix(): path for path in target.rglob("*")}
    return {key: path for key, path in found.items() if _is_used(key) and path.is_file()}


def _is_used(key: str) -> bool:
    return not key.startswith("..") and _UNUSED.search(f"/{key}") is None


def _digest(modules: Entries, *extra: str) -> bytes:
    """Identifies all that goes into an archive."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for part in extra:
        digest.update(part.encode() + b"\0")
    for key, path in sorted(modules.items()):
        digest.update(key.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest().encode()


def _is_current(path: Path, digest: bytes) -> bool:
    """Whether the archive was built from these inputs: its comment, at its end, says so."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        file.seek(-min(len(digest), path.stat().st_size), os.SEEK_END)
        return file.read() == digest


def _write(path: Path, entries: Mapping[str, Path], digest: bytes, *, compression: int) -> None:
    """Write the archive whole or not at all; two builders at once do no harm."""
    unzipped = sum(file.stat().st_size for file in entries.values())
    if unzipped > MAX_UNZIPPED_BYTES:
        raise PackageError(
            f"{path.name} would be {unzipped:,} bytes unzipped, Lambda takes {MAX_UNZIPPED_BYTES:,}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for folder in sorted({f"{parent}/" for key in entries for parent in _parents(key)}):
                # zipimport finds a package without __init__.py only by its folder's entry.
                archive.writestr(_info(folder, 0o40755), b"")
            for key, source in sorted(entries.items()):
                deflated = zipfile.ZIP_DEFLATED
                info = _info(key, 0o100755 if ".so" in source.name else 0o100644)
                archive.writestr(info, source.read_bytes(), deflated, compression)
            archive.comment = digest
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _parents(key: str) -> list[str]:
    return [parent.as_posix() for parent in Path(key).parents if parent != Path(".")]


def _info(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system = 3  # Unix, whatever this machine is
    info.external_attr = mode << 16
    return info


def main() -> None:
    """Build, and say what was built."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--target", choices=TARGETS, default="lambda")
    options = parser.parse_args()
    try:
        built = build(options.target)
    except PackageError as error:
        raise SystemExit(f"package: {error}") from error
    for path in built.values():
        with zipfile.ZipFile(path) as archive:
            unzipped = sum(info.file_size for info in archive.infolist())
        zipped = path.stat().st_size
        print(f"{path.relative_to(ROOT)}: {zipped / 1e6:.1f} MB, {unzipped / 1e6:.1f} MB unzipped")


if __name__ == "__main__":
    main()
