"""An artifact, before it is sent, and how its texts are written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_NOT_IN_KEYS = re.compile(r"[^a-z0-9]+")
_BACKTICKS = re.compile(r"`+")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#~$])")


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """One artifact: what it shows is a table's rows, a Markdown text or a percentage.

    Attributes:
        key: Lower-case letters, digits and dashes, as Prefect wants it.
        description: Markdown that stands above a table or a percentage.
    """

    key: str
    content: Sequence[Mapping[str, str]] | str | float
    description: str = ""

    @property
    def kind(self) -> str:
        """Prefect's name for how the content is shown."""
        if isinstance(self.content, str):
            return "markdown"
        return "progress" if isinstance(self.content, float) else "table"

    @property
    def data(self) -> str | float:
        """The content as Prefect keeps it; half a surrogate pair is escaped: UTF-8 has none."""
        if isinstance(self.content, float):
            return self.content
        text = self.content
        if not isinstance(text, str):
            text = json.dumps(list(text), ensure_ascii=False)
        return text.encode(errors="backslashreplace").decode()


def artifact_key(dataset: str, name: str) -> str:
    """An artifact's key, e.g. price-list-report."""
    return _NOT_IN_KEYS.sub("-", f"{dataset}-{name}".lower()).strip("-")


def plain(text: object) -> str:
    """Text that Markdown leaves as it is."""
    return _MARKDOWN.sub(r"\\\1", " ".join(str(text).split()))


def code(text: str) -> str:
    """Text on a line of its own kind: as it is, whatever it holds."""
    ticks = "`" * (1 + max((len(each) for each in _BACKTICKS.findall(text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def code_block(text: str, language: str = "text") -> str:
    """Lines as they are, whatever they hold."""
    longest = max((len(each) for each in _BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; its cells are Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(each) + " |" for each in lines)


def shorten(text: str, most: int) -> str:
    """Text of at most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def duration(seconds: float) -> str:
    """A time as people say it: 0.4 s, 45 s, 2 min 5 s, 1 h 2 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
