"""What outlives the process: a row for each thing a request changed, written before its answer.

moto keeps everything in memory. Here every look at a service's backend is noted in the thread that
looks. When the request of that thread ends, the backends it saw are pickled, and those that changed
are written. S3 objects have rows of their own, so that a PUT costs the same however many there are.
"""

from __future__ import annotations

import hashlib
import pickle
import platform
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import moto
from moto.core.base_backend import AccountSpecificBackend, BaseBackend

from local_cloud.errors import CloudError
from local_cloud.pickling import dumps, find_backend

Row = tuple[str, str, str]  # kind, scope, name

_DUMP_ATTEMPTS = 20
_WRITTEN_BY = f"moto {moto.__version__}, Python {platform.python_version().rpartition('.')[0]}"


@dataclass(frozen=True)
class Kind:
    """How rows of one kind are made and put back.

    Attributes:
        dump: The content of (scope, name) as it is, or None if there is no such thing any more.
        restore: Puts a content back.
    """

    dump: Callable[[str, str], bytes | None]
    restore: Callable[[str, str, bytes], None]


class Journal:
    """The rows of one home."""

    def __init__(self, path: Path) -> None:
        self.kinds: dict[str, Kind] = {"backend": Kind(self._dump_backend, self._restore_backend)}
        self._names: dict[BaseBackend, tuple[str, str]] = {}
        self._thread = threading.local()
        self._lock = threading.RLock()
        self._later: set[Row] = set()
        self._digests: dict[Row, bytes] = {}  # of what is written
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS state (kind TEXT, scope TEXT, name TEXT, content BLOB,"
            " PRIMARY KEY (kind, scope, name)) WITHOUT ROWID"
        )
        self._folder = path.parent
        self._check_writer(path)

    def _check_writer(self, path: Path) -> None:
        found = self._database.execute("SELECT content FROM state WHERE kind = 'writer'").fetchone()
        if found and found[0] != _WRITTEN_BY:
            raise CloudError(
                f"{path.parent} was written by {found[0]}, this is {_WRITTEN_BY}",
                fix=f"remove {path.parent} to start afresh, or install what wrote it",
            )
        self._database.execute("REPLACE INTO state VALUES ('writer', '', '', ?)", (_WRITTEN_BY,))

    def load(self, *, before: Callable[[str], None]) -> None:
        """Put back everything that was committed, backends first.

        Args:
            before: Called with a service's name before its state is put back.
        """
        self._note_backends()
        for kind in sorted(self.kinds):
            rows = self._database.execute(
                "SELECT scope, name, content FROM state WHERE kind = ?", (kind,)
            )
            for scope, name, content in rows:
                if kind == "backend":
                    before(scope)
                self._restore(kind, scope, name, content)
        self._later.clear()

    def _restore(self, kind: str, scope: str, name: str, content: bytes) -> None:
        try:
            self.kinds[kind].restore(scope, name, content)
        except Exception as error:  # pickle and what it rebuilds raise anything
            raise CloudError(
                f"the saved state of {scope} cannot be read by this version: {error}",
                fix=f"remove {self._folder} to start afresh, or go back to the version before",
            ) from error

    def _note_backends(self) -> None:
        get = AccountSpecificBackend.__getitem__

        def noting_get(backends: Any, region: str) -> BaseBackend:
            backend: BaseBackend = get(backends, region)
            name = backends.service_name, f"{backends.account_id}/{backend.region_name}"
            self._names[backend] = name
            self.touch("backend", *name)
            return backend

        AccountSpecificBackend.__getitem__ = noting_get  # type: ignore[assignment,method-assign]

    def _dump_backend(self, service: str, name: str) -> bytes:
        backend = find_backend(service, name)
        state = getattr(backend, "durable_state", lambda: backend.__dict__)()
        for attempt in range(_DUMP_ATTEMPTS):
            try:
                return dumps(state, names=self._names)
            except RuntimeError:  # another request changed a dictionary under the pickler
                if attempt == _DUMP_ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    def _restore_backend(self, service: str, name: str, content: bytes) -> None:
        backend = find_backend(service, name)
        getattr(backend, "restore_state", backend.__dict__.update)(pickle.loads(content))

    def touch(self, kind: str, scope: str, name: str) -> None:
        """Note that something may be changed: saved when the thread's request ends, else soon."""
        touched = getattr(self._thread, "touched", None)
        (self._later if touched is None else touched).add((kind, scope, name))

    @contextmanager
    def recording(self, *, ignored: frozenset[str] = frozenset(), commit: bool) -> Iterator[None]:
        """Note what this thread touches, and save it at the end: at once, or soon.

        Args:
            ignored: Services whose backends every request looks at and this one does not change.
            commit: False for a request that reads.
        """
        touched: set[Row] = set()
        self._thread.touched = touched
        try:
            yield
        finally:
            self._thread.touched = None
            touched = {row for row in touched if row[0] != "backend" or row[1] not in ignored}
            if commit:
                self.save(touched)
            else:
                self._later |= touched

    def save_service(self, service: str) -> None:
        """Save every backend of a service now."""
        names = [name for found, name in list(self._names.values()) if found == service]
        self.save({("backend", service, name) for name in names})

    def save_later(self) -> None:
        """Save what was touched outside of a request that writes. Called a few times a second."""
        later, self._later = self._later, set()
        self.save(later)

    def save(self, rows: set[Row]) -> None:
        """Write the rows whose content changed, all or none; what could not be is tried later."""
        if not rows:
            return
        try:
            with self._lock:
                digests: dict[Row, bytes] = {}
                changed = [(row, each) for row in rows for each in self._changed(row, digests)]
                if changed:
                    self._write(changed)
                self._digests |= digests
        except BaseException:
            self._later |= rows
            raise

    def _write(self, changed: Sequence[tuple[Row, bytes | None]]) -> None:
        execute = self._database.execute
        execute("BEGIN")
        try:
            for row, content in changed:
                if content is None:
                    execute("DELETE FROM state WHERE kind = ? AND scope = ? AND name = ?", row)
                else:
                    execute("REPLACE INTO state VALUES (?, ?, ?, ?)", (*row, content))
            execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:  # SQLite has ended it itself when the disk is full
                execute("ROLLBACK")
            raise

    def _changed(self, row: Row, digests: dict[Row, bytes]) -> Iterator[bytes | None]:
        kind, scope, name = row
        content = self.kinds[kind].dump(scope, name)
        if kind == "backend" and content is not None:
            digest = hashlib.blake2b(content, digest_size=16).digest()
            if self._digests.get(row) == digest:
                return
            digests[row] = digest
        yield content

    def close(self) -> None:
        """Save what is left."""
        self.save_later()
        self._database.close()
