"""The demo suppliers' price lists: CSV as spreadsheets write it, the same whenever it is made.

On purpose, a few prices are words.
"""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections.abc import Iterator
from datetime import date, timedelta

SUPPLIERS = ("nordwind", "südwind")
ROWS_PER_FILE = 400

_COLUMNS = ("sku", "valid_from", "product", "notes", "price", "currency")
_PRODUCTS = ("Lamp", "Kettle; steel", 'Screen 27"', "Chaise longue", "Zoë’s mug", "'Quoted'")
_NOTES = ("", "  ", "Two lines\nof notes", 'Said: "soon"\r\n\r\nThen: later', "a;b;c", "n/a")


def price_files() -> Iterator[tuple[str, bytes]]:
    """Name and content of each file: a supplier's list of a month, one of them compressed."""
    for number, supplier in enumerate(SUPPLIERS):
        content = _list_of(supplier, number).encode()
        name = f"{supplier}/2026-01.csv"
        if number % 2:
            yield name, content
        else:
            yield f"{name}.gz", gzip.compress(content, mtime=0)


def _list_of(supplier: str, number: int) -> str:
    chosen = random.Random(supplier)
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";")
    writer.writerow(_COLUMNS)
    for index in range(ROWS_PER_FILE):
        price = f"{chosen.randrange(10**7) / 10**chosen.randrange(5):.4f}"
        writer.writerow(
            (
                f"{number}-{index // 2:05d}",
                date(2026, 1, 1) + timedelta(days=index % 2 * 14),
                chosen.choice(_PRODUCTS),
                chosen.choice(_NOTES),
                "on request" if index % 97 == 96 else price,
                chosen.choice(("EUR", "GBP", "USD")),
            )
        )
    return text.getvalue()
