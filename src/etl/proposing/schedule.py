"""A dataset's deployment in prefect.yaml: a line like those of the others."""

from __future__ import annotations

import re
from pathlib import Path

_LINE = re.compile(
    r"^  - \{ <<: \*full_pipeline, name: \"(\w+)-.*parameters: \{ dataset: \1\b.*$", re.MULTILINE
)


def with_deployment(text: str, dataset: str) -> str:
    """prefect.yaml with a line for the dataset, in the order of names; as it is where it has one,
    or has none to go by."""
    lines = list(_LINE.finditer(text))
    if not lines or any(each[1] == dataset for each in lines):
        return text
    like = lines[0]
    line = re.sub(rf"\b{like[1]}\b", dataset, like[0])
    after = [each for each in lines if each[1] < dataset]
    if after:
        at = after[-1].end()
        return f"{text[:at]}\n{line}{text[at:]}"
    return f"{text[: like.start()]}{line}\n{text[like.start():]}"


def add_deployment(path: Path, dataset: str) -> bool:
    """Add the dataset's line to the file; False if nothing had to be, or could be, added."""
    if not path.is_file():
        return False
    before = path.read_text(encoding="utf-8")
    after = with_deployment(before, dataset)
    if after != before:
        path.write_text(after, encoding="utf-8")
    return after != before
