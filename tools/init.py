"""Make the template yours: `make init NAME=acme-sales REGION=eu-west-1`.

    python tools/init.py --name acme-sales --region eu-west-1

The name becomes the project's, and what everything on AWS begins with: acme-sales-dev-raw is a
bucket. The text of the files is edited, so that comments stay. config/local.yml keeps its names:
what they name is on one machine, and tests and documents speak of it.

What has changed is one commit, if git knows who commits; files with changes of their own are
refused beforehand. Run again with the same name, it changes nothing; with another one, it renames.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from aws.clients import known_regions
from etl.cli import run_command
from etl.contracts.problems import did_you_mean
from etl.errors import UsageError
from etl.infrastructure.roles import role_names
from etl.settings import Settings, list_environments, load_settings

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = "prefect-aws-etl"
# What names begin with until somebody has named the project.
TEMPLATE_PREFIXES = ("example-etl", "etl")
KEPT = "local"

# Where names stand, beside config/. ADRs tell what was, not what is.
_GLOBS = (
    *("README.md", "pyproject.toml", "prefect.yaml", "docs/*.md"),
    *("terraform/**/*.tf", "terraform/**/*.md", "terraform/**/*.hcl", "terraform/**/*.tfvars"),
    *(".github/workflows/*.yml", "Dockerfile"),
)
_PROJECT = re.compile(
    r"(?m)^(?P<before># |name = \"|name: )(?P<name>[a-z0-9-]+)(?P<after>\"?)(?P<end>[ \t]*)$"
)
_PROJECT_FILES = ("README.md", "pyproject.toml", "prefect.yaml")
_REGION = re.compile(r"(?m)^(region:[ \t]*)([a-z0-9-]+)")
# Where commands on pages, which are typed as they stand, name the region.
_TYPED_REGION = re.compile(
    r"(--region |\bregion=|\bterraform-state-\d{12}-)[a-z]+(?:-[a-z]+)+-\d\b"
)
_TYPED_PAGES = ("docs/deployments.md", "terraform/README.md")
_PARTITION = re.compile(r"\barn:aws[a-z-]*:")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_RESERVED = ("xn--", "sthree-", "amzn-s3-demo-", "aws")  # S3's own, and the services' own
_SHORTEST = 3
_LONGEST_BUCKET, _LONGEST_ROLE = 63, 64
# Terraform's own names grow by at most this: -prod-worker-execution, -prod-state-machine-timeouts.
_ROOM = 28


def main(arguments: list[str] | None = None, *, root: Path = ROOT) -> int:
    """Rename; the exit code."""
    parser = argparse.ArgumentParser(prog="init.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--name", required=True, help="the project's, e.g. acme-sales")
    parser.add_argument("--region", help="of AWS, e.g. eu-west-1; left out, it stays")
    parser.add_argument("--no-commit", action="store_true", help="leave the changes uncommitted")
    options = parser.parse_args(arguments)
    return run_command(
        lambda: init(options.name, options.region, root=root, commit=not options.no_commit),
        again="the same command",
        stopped="stopped; git diff shows what was changed.",
    )


def init(name: str, region: str | None, *, root: Path, commit: bool) -> None:
    """Rename the project, say what was changed, and commit it.

    Raises:
        UsageError: The name or region will not do, or a file has changes of its own.
    """
    check_name(name)
    if region is not None:
        check_region(region)
    changed = dict(rename(root, name, region))
    if not changed:
        print(f"the project is {name} already: nothing to change")
        return
    check_settings(root, name, changed)
    in_git = _is_in_git(root)
    if in_git:
        _check_clean(root, changed)
    for path, text in changed.items():
        path.write_text(text, encoding="utf-8")
    _tell(root, name, changed)
    if in_git and commit:
        _commit(root, name, changed)
    print(
        "next:  put your account ids into copy_role_arn of config/dev.yml and prod.yml; make check;"
        " make dataset NAME=invoices FROM=sample.csv"
    )


def check_name(name: str) -> None:
    """Refuse what cannot begin a bucket's name, a role's and all the others.

    Raises:
        UsageError: It cannot; the message says why.
    """
    longest = _LONGEST_BUCKET - _ROOM
    fault = None
    if not _NAME.fullmatch(name):
        fault = "is not lower-case words of letters and digits joined by single hyphens"
    elif not _SHORTEST <= len(name) <= longest:
        fault = f"has {len(name)} characters, {_SHORTEST} to {longest} are possible"
    elif name.startswith(_RESERVED) or name == TEMPLATE:
        fault = "is not yours: AWS or the template has it"
    if fault:
        raise UsageError(f'NAME "{name}" {fault}', fix="write for example NAME=acme-sales")


def check_region(region: str) -> None:
    """Refuse what is no region of AWS.

    Raises:
        UsageError: It is none.
    """
    known = known_regions()
    if region not in known:
        raise UsageError(
            f'REGION "{region}" is no region of AWS{did_you_mean(region, known)}',
            fix="write for example REGION=eu-west-1",
        )


def rename(root: Path, name: str, region: str | None) -> Iterator[tuple[Path, str]]:
    """The files that change, each with its text."""
    current = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["name"]
    environments = [each for each in list_environments(root) if each != KEPT]
    configs = [root / "config" / f"{each}.yml" for each in environments]
    others = sorted({path for glob in _GLOBS for path in root.glob(glob) if path.is_file()})
    for path in (*configs, *others):
        before = path.read_text(encoding="utf-8")
        after = rename_prefixes(before, current, name, environments)
        if path.name in _PROJECT_FILES and path.parent == root:
            after = rename_project(after, current, name)
        if path in configs and region is not None:
            after = set_region(after, region)
        elif path.relative_to(root).as_posix() in _TYPED_PAGES and region is not None:
            after = _TYPED_REGION.sub(rf"\g<1>{region}", after)
        if after != before:
            yield path, after


def rename_prefixes(text: str, current: str, name: str, environments: list[str]) -> str:
    """The text with <current>-dev as <name>-dev, and <current>_dev as <name>_dev."""
    prefixes = TEMPLATE_PREFIXES if current == TEMPLATE else (current,)
    for prefix in prefixes:
        for sign in "-_":
            found = re.compile(
                rf"(?<![A-Za-z0-9_-]){re.escape(prefix.replace('-', sign))}{sign}"
                rf"(?=({'|'.join(map(re.escape, environments))})(?![A-Za-z0-9]))"
            )
            text = found.sub(f"{name.replace('-', sign)}{sign}", text)
    return text


def rename_project(text: str, current: str, name: str) -> str:
    """The text with the first line that only names the project naming it anew."""
    for found in _PROJECT.finditer(text):
        if found["name"] == current:
            return f"{text[: found.start('name')]}{name}{text[found.end('name'):]}"
    return text


def set_region(text: str, region: str) -> str:
    """A configuration's text with the region, and ARNs of its partition."""
    partition = _partition(region)
    return _PARTITION.sub(f"arn:{partition}:", _REGION.sub(rf"\g<1>{region}", text, count=1))


def _partition(region: str) -> str:
    """China and the US government have partitions of their own."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def check_settings(root: Path, name: str, changed: dict[Path, str]) -> None:
    """Refuse to write a configuration that could not be read, or with a name that is too long.

    Raises:
        UsageError: It could not, or has.
    """
    with TemporaryDirectory() as folder:
        trial = Path(folder)
        shutil.copytree(root / "config", trial / "config")
        for path, text in changed.items():
            if path.parent == root / "config":
                (trial / "config" / path.name).write_text(text, encoding="utf-8")
        for environment in list_environments(trial):
            if environment != KEPT:
                _check_lengths(load_settings(environment, root=trial), name)


def _check_lengths(settings: Settings, name: str) -> None:
    limits = dict.fromkeys(settings.buckets.names.values(), _LONGEST_BUCKET)
    limits |= dict.fromkeys(role_names(settings).values(), _LONGEST_ROLE)
    for each, longest in limits.items():
        if len(each) > longest:
            raise UsageError(
                f'NAME "{name}" is too long: {each} has {len(each)} characters of {longest}',
                fix="choose a shorter one",
            )


def _tell(root: Path, name: str, changed: dict[Path, str]) -> None:
    print(f"the project is {name}; changed:")
    for path in changed:
        print(f"  {path.relative_to(root).as_posix()}")
    print(f"config/{KEPT}.yml keeps its names: they are this machine's")
    for environment in list_environments(root):
        if environment != KEPT:
            settings = load_settings(environment, root=root)
            buckets = ", ".join(settings.buckets.names.values())
            print(f"{environment}: {settings.region}, {buckets}")


def _is_in_git(root: Path) -> bool:
    done = _git(root, "rev-parse", "--is-inside-work-tree")
    return done is not None and done.stdout.strip() == "true"


def _check_clean(root: Path, changed: dict[Path, str]) -> None:
    """A commit of ours would take a person's own changes with it."""
    done = _git(root, "status", "--porcelain", "--", *map(str, changed))
    if done is None or done.stdout.strip():
        files = sorted(line[3:] for line in (done.stdout if done else "").splitlines())
        raise UsageError(
            f"{', '.join(files) or 'the clone'} has changes that are not committed",
            fix="commit or undo them first: git diff shows them",
        )


def _commit(root: Path, name: str, changed: dict[Path, str]) -> None:
    message = f"Name the project {name}"
    paths = [str(path.relative_to(root)) for path in changed]
    done = _git(root, "commit", "--quiet", "--message", message, "--", *paths)
    if done is not None and done.returncode == 0:
        print(f'committed: "{message}"')
        return
    why = (done.stderr or done.stdout).strip().splitlines() if done else []
    print(f"not committed ({why[0] if why else 'git failed'}); when you are ready:")
    print(f'  git commit --all --message "{message}"')


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str] | None:
    """What git answers; None without git."""
    try:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True)
    except OSError:
        return None


if __name__ == "__main__":
    sys.exit(main())
