"""The quarantine's files: rejected lines with their reasons, as they are judged."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from datetime import date
from pathlib import Path

from etl.drift.look import Looker
from etl.drift.tally import Tally
from etl.judge import reason_label
from etl.manifest import RawObject
from etl.model import Contract
from etl.transforming import REJECTED_PER_FILE, reason_labels


class Quarantine:
    """Writes files of a folder.

    Attributes:
        rows: How many lines it was given.
        tally: What they look like.
        files: By their names.
    """

    def __init__(self, folder: Path, contract: Contract, run_date: date) -> None:
        self._folder = folder
        self._contract = contract
        self._run_date = run_date.isoformat()
        self._labels: Counter[str] = Counter()
        self._file: gzip.GzipFile | None = None
        self._looker = Looker(contract)
        self.rows = 0
        self.tally = Tally()
        self.files: dict[str, Path] = {}

    def add(self, line: str, reasons: list[str], raw: RawObject) -> None:
        """Write a line that was rejected."""
        if self._file is None or self.rows % REJECTED_PER_FILE == 0:
            self._open(self.rows // REJECTED_PER_FILE)
        assert self._file is not None
        self.rows += 1
        self._labels[reason_label(reasons[0])] += 1
        text = "; ".join(reasons)
        self.tally.add(self._looker(line, text))
        document = {
            "payload": line,
            "payload_sha256": hashlib.sha256(line.encode()).hexdigest(),
            "reasons": text,
            "dataset": self._contract.dataset,
            "run_date": self._run_date,
            "source_uri": raw.uri,
            "source_file": raw.source or raw.uri,
            "contract_version": self._contract.version,
        }
        row = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        self._file.write(row.encode() + b"\n")

    def close(self) -> None:
        """End the last file."""
        if self._file is not None:
            self._file.close()

    @property
    def reasons(self) -> dict[str, int]:
        """Lines by what their first reason is about."""
        labels = reason_labels(self._contract)
        return {each: self._labels[each] for each in labels if self._labels[each]}

    def _open(self, number: int) -> None:
        self.close()
        name = f"part-{number:05d}.json.gz"
        self.files[name] = path = self._folder / name
        self._file = gzip.GzipFile(path, "wb", compresslevel=3, mtime=0)
