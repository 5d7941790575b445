"""Records that the raw format refused, with their reasons: gzip JSON lines under errors/."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from datetime import date

from etl.figures import Figures
from etl.formats import DeadLetter, open_encoder
from etl.keys import dead_letters_prefix, parse_s3_uri
from etl.model import Contract, Raw
from etl.sources.records import Lines
from etl.staging.outgoing import Destination, Outgoing
from etl.staging.raw_object import RawObjectWriter


class DeadLetterWriter:
    """One run's dead letters.

    Attributes:
        count: How many there are.
        sent: The objects that hold them, once closed.
    """

    def __init__(
        self,
        destination: Destination,
        *,
        contract: Contract,
        run_date: date,
        name: Callable[[int], str],
        limit_bytes: int,
    ) -> None:
        """Begin.

        Args:
            name: The nth object's name, without suffix.
            limit_bytes: Size at which the next object begins.
        """
        self.count = 0
        self.sent: list[Outgoing] = []
        self._destination = dataclasses.replace(destination, figures=Figures())
        self._contract = dataclasses.replace(contract, raw=Raw())
        self._run_date = run_date
        self._name = name
        self._limit_bytes = limit_bytes
        self._prefix = parse_s3_uri(dead_letters_prefix(contract, run_date))[1]
        self._open: RawObjectWriter | None = None

    def add(self, letters: Iterable[DeadLetter]) -> None:
        """Take records that were refused."""
        lines = [self._encode(each) for each in letters]
        if not lines:
            return
        self.count += len(lines)
        if self._open is None:
            self._open = RawObjectWriter(
                self._destination,
                open_encoder(self._contract, self._run_date),
                name=self._prefix + self._name(len(self.sent)),
            )
        self._open.write(Lines(b"".join(lines), len(lines)))
        if self._open.size >= self._limit_bytes:
            self.close()

    def close(self) -> None:
        """End the object that is being written, if one is."""
        if self._open is not None:
            self._open.close()
            self.sent.append(self._open.outgoing)
            self._open = None

    @property
    def all(self) -> list[Outgoing]:
        """Every object, also the one that is being written."""
        return self.sent + ([self._open.outgoing] if self._open else [])

    def _encode(self, letter: DeadLetter) -> bytes:
        content = {
            "payload": letter.record.decode(errors="backslashreplace"),
            "reason": letter.reason,
            "dataset": self._contract.dataset,
            "run_date": self._run_date.isoformat(),
        }
        return json.dumps(content, ensure_ascii=False).encode() + b"\n"
