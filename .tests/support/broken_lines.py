"""Lines with pieces taken out, doubled, moved or replaced."""

from __future__ import annotations

import random

TOKENS = [
    *["1", "0", "-1", "1.5", '"1.5"', "1e2", "1e-30", "0.1234567890123456789", "99999999999", "-"],
    *['"2026-01-01"', '"2026-02-30"', '"2026-01-01T00:00:00Z"', '"x"', '""', '"true"', "true"],
    *["null", "{}", "[]", "[1]", '{"a":1}', "NaN", "Infinity", '"\\u0000"', '"\\ud800"', '"ß"'],
    *["{", "}", "[", "]", ",", ":", '"', "\\", " ", "\t", "\r", "\x00", "\x1f", "\x7f", "\ufeff"],
    *["\u2028", "\ufffd", "😀", "//", "/**/", "'", '"id"', '"text"', '"amount":1.005,', "e", "E5"],
]


def mutate(seeded: random.Random, line: str) -> str:
    """The line with one to three pieces taken out, doubled, moved or replaced."""
    for _ in range(seeded.randint(1, 3)):
        start = seeded.randrange(len(line) + 1)
        end = min(len(line), start + seeded.choice([0, 0, 1, 1, 2, 5, 20]))
        piece = line[start:end]
        replacement = seeded.choice(["", piece * 2, seeded.choice(TOKENS), seeded.choice(TOKENS)])
        line = line[:start] + replacement + line[end:]
    return line.replace("\n", " ")
