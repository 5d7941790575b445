"""Redshift SQL as tokens: enough to find statements, calls and clauses, no grammar."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|/\*.*?\*/)
  | (?P<string>\$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?\$(?P=tag)\$ | [eEbBxX]?'(?:[^'\\]|''|\\.)*')
  | (?P<quoted>"(?:[^"]|"")*")
  | (?P<word>[^\W\d][\w$]*)
  | (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|\$\d+)
  | (?P<symbol>::|<=|>=|<>|!=|\|\||.)
    """,
    re.DOTALL | re.VERBOSE,
)


class Token(NamedTuple):
    """A piece of SQL.

    Attributes:
        kind: space, string, quoted, word, number or symbol.
        word: A word in lower case, "" for anything else.
    """

    kind: str
    text: str
    word: str = ""

    @property
    def is_name(self) -> bool:
        """Whether it can name a column or a table."""
        return self.kind in ("word", "quoted")


Tokens = Sequence[Token]


def tokenize(sql: str) -> list[Token]:
    """Cut SQL into tokens; their texts joined give it back."""
    tokens = []
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup or "symbol"
        if kind == "tag":
            kind = "string"
        text = match[0]
        tokens.append(Token(kind, text, text.lower() if kind == "word" else ""))
    return tokens


def text_of(tokens: Tokens) -> str:
    """The SQL that the tokens were cut from."""
    return "".join(token.text for token in tokens)


def sql(text: str) -> Token:
    """Rewritten SQL, as one token that nothing looks into again."""
    return Token("sql", text)


def split_statements(tokens: Tokens) -> list[list[Token]]:
    """The statements of a script, without those that are empty."""
    return [part for part in split(tokens, ";") if significant(part)]


def split(tokens: Tokens, separator: str) -> list[list[Token]]:
    """Cut at a symbol that stands outside of parentheses and brackets."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token.text in ("(", "[")) - (token.text in (")", "]"))
        if token.text == separator and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def significant(tokens: Tokens) -> list[Token]:
    """The tokens without spaces and comments."""
    return [token for token in tokens if token.kind != "space"]


def first_word(tokens: Tokens) -> str:
    """The word a statement begins with; an opening parenthesis before it does not count."""
    return next((t.word for t in tokens if t.kind != "space" and t.text != "("), "")


def closing(tokens: Tokens, opening: int) -> int:
    """The place of the parenthesis or bracket that closes the one at `opening`."""
    depth = 0
    for place in range(opening, len(tokens)):
        depth += (tokens[place].text in ("(", "[")) - (tokens[place].text in (")", "]"))
        if depth == 0:
            return place
    return len(tokens) - 1


def next_place(tokens: Tokens, place: int) -> int:
    """The place of the next token that is no space, or the end."""
    while place < len(tokens) and tokens[place].kind == "space":
        place += 1
    return place


def unquote(token: Token) -> str:
    """The value of a string or the name that an identifier stands for."""
    if token.kind == "quoted":
        return token.text[1:-1].replace('""', '"')
    if token.kind != "string":
        return token.text.lower()
    if token.text.startswith("$"):
        return token.text[len(tag := token.text[: token.text.index("$", 1) + 1]) : -len(tag)]
    body = token.text[token.text.index("'") + 1 : -1].replace("''", "'")
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), body, flags=re.DOTALL)


def quote(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class Cursor:
    """Reads a statement's tokens from left to right, spaces left out."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = significant(tokens)
        self._place = 0

    def __iter__(self) -> Iterator[Token]:
        while not self.at_end:
            yield self.take()

    @property
    def at_end(self) -> bool:
        """Whether everything is read."""
        return self._place >= len(self._tokens)

    def peek(self, ahead: int = 0) -> Token:
        """The next token, or an empty one at the end."""
        place = self._place + ahead
        return self._tokens[place] if place < len(self._tokens) else Token("end", "")

    def take(self) -> Token:
        """The next token; it is read then."""
        token = self.peek()
        self._place += 1
        return token

    def accept(self, *words: str) -> bool:
        """Read these words or symbols if they come next, all or none."""
        for ahead, word in enumerate(words):
            token = self.peek(ahead)
            if (token.word or token.text) != word:
                return False
        self._place += len(words)
        return True

    def group(self) -> list[Token]:
        """Read a group in parentheses; what stands between them."""
        end = closing(self._tokens, self._place)
        inside = self._tokens[self._place + 1 : end]
        self._place = end + 1
        return inside

    def name(self) -> list[Token]:
        """Read a name with its qualifiers."""
        found = [self.take()]
        while self.peek().text == ".":
            found += [self.take(), self.take()]
        return found
