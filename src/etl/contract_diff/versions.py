"""The contracts of a git revision and those of the working tree."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from etl.contracts import list_datasets, load_contract
from etl.errors import ContractError, UsageError
from etl.model import Contract

_PLACE = re.compile(r"\$\{([^}]*)\}")
_IN_REPOSITORY = "config/contracts"
ENVIRONMENTS = "every environment"


@dataclass(frozen=True)
class AnyPlaces:
    """Settings in which every place that a contract names has one, the same in every version."""

    environment: str
    names: frozenset[str]
    datasets: None = None

    def places_for_contracts(self) -> dict[str, str]:
        """Each name without its _, which buckets cannot have."""
        return {name: stand_in(name) for name in self.names}


def stand_in(name: str) -> str:
    """What stands for a place: good for a bucket and for an identifier."""
    return f"place{name.replace('_', '')}"


def shown(text: str, names: frozenset[str]) -> str:
    """Text in which stand-ins are the places' names again."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(stand_in(name), f"${{{name}}}")
    return text


@dataclass(frozen=True, kw_only=True)
class Side:
    """The contracts of one version of the repository.

    Attributes:
        broken: Contracts that cannot be read, and why.
    """

    contracts: Mapping[str, Contract]
    broken: Mapping[str, str]

    @property
    def datasets(self) -> set[str]:
        """All that have a file."""
        return {*self.contracts, *self.broken}


def read_side(folder: Path, *, environment: str, names: frozenset[str]) -> Side:
    """The contracts of a folder as they are in one environment."""
    contracts, broken = {}, {}
    settings = AnyPlaces(environment, names)
    for dataset in list_datasets(folder):
        try:
            contracts[dataset] = load_contract(dataset, settings=settings, folder=folder)
        except ContractError as error:
            broken[dataset] = error.message
    return Side(contracts=contracts, broken=broken)


def place_names(*folders: Path) -> frozenset[str]:
    """The places that the contracts of the folders name."""
    texts = (path.read_text("utf-8", "replace") for each in folders for path in each.glob("*.yaml"))
    return frozenset(name for text in texts for name in _PLACE.findall(text))


@contextmanager
def contracts_at(revision: str, root: Path) -> Iterator[tuple[str, Path]]:
    """The commit that a revision and the working tree have in common, and a folder with its
    contracts.

    Raises:
        UsageError: Git knows no such revision.
    """
    commit = _commit(revision, root)
    with TemporaryDirectory() as folder:
        listed = _git(root, "ls-tree", "-z", "--name-only", commit, f"{_IN_REPOSITORY}/")
        for path in filter(None, listed.split("\0")):
            content = _git(root, "show", f"{commit}:{path}")
            (Path(folder) / PurePosixPath(path).name).write_text(content, encoding="utf-8")
        yield commit, Path(folder)


def _commit(revision: str, root: Path) -> str:
    """What others have done since is no change of ours."""
    try:
        named = _git(
            root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
        )
    except UsageError as error:
        raise UsageError(
            f'git knows no revision "{revision}"',
            fix="fetch it first, e.g. git fetch origin main; or name another with --against",
        ) from error
    try:
        return _git(root, "merge-base", named.strip(), "HEAD").strip()
    except UsageError:  # a shallow clone has no common commit
        return named.strip()


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, encoding="utf-8", check=True
        )
    except OSError as error:
        raise UsageError("git cannot be started", fix="install git") from error
    except subprocess.CalledProcessError as error:
        raise UsageError(
            f"git {arguments[0]} failed: {error.stderr.strip()}", fix="run it in a git clone"
        ) from error
    return done.stdout
