"""Histories of a dataset: days of hostile records, some late, some of them more than once."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zlib import crc32

from support.oracle_specification import Column, Record, Specification
from support.oracle_values_made import (
    NEARLY,
    TEXTS,
    any_json,
    json_values,
    nearly_array,
    sample,
    text_values,
    unquoted,
)

_FIRST_DAY = date(2026, 1, 1)
_OF_EACH = 40  # values that hypothesis makes for each column
_BROKEN = (
    *("{", "}", "[]", "7", "null", '""', "nul", "NaN", '{"id": NaN}', '{"id": -Infinity}', "{}{}"),
    *('{"id": 1,}', "{'id': 1}", "{id: 1}", '{"id": 01}', '{"id": 1} x', '{"id": 1.}', "\ufeff{"),
    *('{"id": "\t"}', '{"id": "\\x41"}', '{"id": "a" /* b */}', '{"id": +1}', '{"id": .5}', "//"),
    *('{"a": ' * 40 + "1" + "}" * 40, "[" * 300 + "]" * 300, '{"id"}', '{"id": "a', '{"id":}'),
)


@dataclass(frozen=True)
class Step:
    """A run: what its date's files hold when it comes.

    Attributes:
        files: The records of each; every file is a generated day, of a branch of its own.
    """

    run_date: date
    files: tuple[tuple[Record, ...], ...]

    @property
    def records(self) -> list[Record]:
        """All of them."""
        return [record for file in self.files for record in file]


def make_history(
    specification: Specification, *, runs: int, branches: int, seed: int
) -> list[Step]:
    """So many runs in their order, each of a generated day of every branch: some dates come late,
    some again with other records. The same for the same seed."""
    maker = _Maker(specification, seed)
    dates = [_FIRST_DAY + timedelta(days=at) for at in range(runs - runs // 5)]
    order = dates + [maker.chosen.choice(dates) for _ in range(runs - len(dates))]
    maker.chosen.shuffle(order)
    held: dict[date, list[list[Record]]] = {}
    history = []
    for run_date in order:
        earlier = held.get(run_date, [[] for _ in range(branches)])
        held[run_date] = [maker.day(each) for each in earlier]
        history.append(Step(run_date, tuple(map(tuple, held[run_date]))))
    return history


def file_bytes(specification: Specification, records: Sequence[Record]) -> bytes:
    """A file of the records, as the specification's format has it."""
    bodies = [each.sent for each in records if isinstance(each.sent, bytes)]
    if specification.format == "jsonl":
        return b"".join(body + b"\n" for body in bodies)
    if specification.format == "json":
        return b"[" + b",\n".join(bodies) + b"]"
    text = io.StringIO(newline="")
    options = specification.source_options
    writer = csv.writer(
        text,
        delimiter=options.get("delimiter", ","),
        quotechar=options.get("quotechar", '"'),
        quoting=csv.QUOTE_ALL,
    )
    writer.writerow(specification.header)
    writer.writerows(each.sent for each in records if isinstance(each.sent, tuple))
    return text.getvalue().encode()


class _Maker:
    """Puts records together of values that hypothesis has made."""

    def __init__(self, specification: Specification, seed: int) -> None:
        self.chosen = random.Random(seed)
        self._specification = specification
        self._is_csv = specification.format == "csv"
        self._received = [each for each in specification.columns if not each.derive]
        strategy = text_values if self._is_csv else json_values
        self._good = {
            each.name: sample(strategy(each), count=_OF_EACH, seed=seed + crc32(each.name.encode()))
            for each in self._received
        }
        self._texts = sample(TEXTS, count=_OF_EACH, seed=seed)
        self._anything = sample(any_json(), count=_OF_EACH, seed=seed)
        self._narrow((specification.latest_by,), 3)
        self._narrow(specification.key, 12 // len(specification.key))

    def _narrow(self, names: Sequence[str | None], count: int) -> None:
        """Have few good values of these columns, that rows may meet."""
        for name in set(names) & set(self._good):
            self._good[name] = self.chosen.sample(self._good[name], count)

    def day(self, earlier: list[Record]) -> list[Record]:
        """A date's records; some of an earlier run's are there again."""
        kept = [each for each in earlier if self.chosen.random() < 0.7]
        made = [self._record() for _ in range(self.chosen.choice([0, 3, 8, 12, 12, 20]))]
        again = self.chosen.choices(made, k=2) if made else []
        records = kept + made + again
        self.chosen.shuffle(records)
        return records

    def _record(self) -> Record:
        return self._row() if self._is_csv else self._line()

    def _value(self, column: Column, odd: set[str]) -> str:
        if column.name not in odd:
            return self.chosen.choice(self._good[column.name])
        if self._is_csv:
            nearly = unquoted(self.chosen.choice(NEARLY)).replace("\ud800", "�")
            return self.chosen.choice([nearly, self.chosen.choice(self._texts)])
        if column.type == "SUPER" and self.chosen.random() < 0.7:
            return nearly_array(column.items, self.chosen.choices(NEARLY, k=3))
        return self.chosen.choice(self.chosen.choice([NEARLY, self._anything]))

    def _odd_columns(self) -> set[str]:
        """Those whose value is to be a bad one: none in most rows."""
        count = self.chosen.choice([0, 0, 0, 0, 1, 1, 2])
        return {each.name for each in self.chosen.sample(self._received, count)}

    def _row(self) -> Record:
        odd = self._odd_columns()
        by_header = dict(zip(map(_bare, self._specification.header), self._specification.header))
        fields = dict.fromkeys(self._specification.header, "extra")
        for column in self._received:
            fields[by_header[_bare(column.path[-1])]] = self._value(column, odd)
        row = list(fields.values())
        if self.chosen.random() < 0.05:
            row = self.chosen.choice([row[:-1], [*row, "more"], row[:1]])
        return Record(tuple(row))

    def _line(self) -> Record:
        text = self._object_text()
        is_lines = self._specification.format == "jsonl"
        lot = self.chosen.random()
        if lot < 0.06:
            text = self.chosen.choice(_BROKEN if is_lines else self._anything)
        elif lot < 0.1 and is_lines:
            text = self._mutated(text)
        body = text.encode("utf-8", "surrogatepass").replace(b"\n", b" ").replace(b"\r", b" ")
        if lot > 0.98 and is_lines:
            at = self.chosen.randint(0, len(body))
            body = body[:at] + b"\xff" + body[at:]
        return Record(body if body.strip() else b"{}")

    def _object_text(self) -> str:
        odd = self._odd_columns()
        outer: list[tuple[str, str]] = []
        inner: dict[str, list[tuple[str, str]]] = {}
        for column in self._received:
            if self.chosen.random() < 0.02:
                continue  # missing
            pair = (column.path[-1], self._value(column, odd))
            if len(column.path) == 1:
                outer.append(pair)
            else:
                inner.setdefault(column.path[0], []).append(pair)
        for name, pairs in inner.items():
            is_odd = self.chosen.random() < 0.05
            outer.append((name, self.chosen.choice(self._anything) if is_odd else self._of(pairs)))
        if self.chosen.random() < 0.2:
            outer.append(("unknown", self.chosen.choice(self._anything)))
        if self.chosen.random() < 0.05:
            outer.append(self.chosen.choice(outer or [("id", "1")]))  # a name twice
        if self.chosen.random() < 0.3:
            self.chosen.shuffle(outer)
        return self._of(outer)

    def _of(self, pairs: list[tuple[str, str]]) -> str:
        colon, comma = self.chosen.choice([(": ", ", "), (":", ","), (" :\t", " , ")])
        return "{" + comma.join(f"{self._name(name)}{colon}{text}" for name, text in pairs) + "}"

    def _name(self, name: str) -> str:
        if self._specification.normalise_names:
            words = name.split("_")
            capitals = "".join(word.capitalize() for word in words)
            camel = words[0] + "".join(word.capitalize() for word in words[1:])
            spelled = [name, name, camel, capitals, " ".join(words), name.upper().replace("_", "-")]
            return json.dumps(self.chosen.choice([*spelled, f"_{'.'.join(words)}"]))
        if self.chosen.random() < 0.01:
            return f'"\\u{ord(name[0]):04x}{name[1:]}"'
        return f'"{name}"'

    def _mutated(self, text: str) -> str:
        at = self.chosen.randrange(len(text))
        end = min(len(text), at + self.chosen.choice([0, 1, 1, 3]))
        piece = self.chosen.choice(
            ["", "", '"', ",", "}", "\\", ":", "\x00", "0", "null", text[at:end] * 2]
        )
        return text[:at] + piece + text[end:]


def _bare(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
