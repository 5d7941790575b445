"""SUPER navigation: items[0].sku, and FROM orders AS o, o.items AS i."""

from __future__ import annotations

from local_cloud.redshift.lexer import Token, Tokens, closing, next_place, sql, text_of, unquote

_ENDS_FROM = frozenset(
    "where group order having limit union except minus intersect window set on".split()
)
_NOT_ALIAS = _ENDS_FROM | frozenset("join inner left right full cross natural using as at".split())


def rewrite_super(tokens: Tokens) -> list[Token]:
    """The statement with paths as calls and unnested arrays as lateral joins."""
    rewritten, elements = _unnest(tokens)
    return _navigate(rewritten, elements)


def _chain(tokens: Tokens, place: int) -> tuple[list[Token], int]:
    """The names joined by dots that start at `place`, and where they end."""
    names = [tokens[place]]
    place += 1
    while place + 1 < len(tokens) and tokens[place].text == "." and tokens[place + 1].is_name:
        names.append(tokens[place + 1])
        place += 2
    return names, place


def _unnest(tokens: Tokens) -> tuple[list[Token], frozenset[str]]:
    """Replace `, o.items AS i` where o is an alias of the same FROM; the names of such i."""
    done: list[Token] = []
    aliases: set[str] = set()
    elements: set[str] = set()
    in_from = False
    place = 0
    while place < len(tokens):
        token = tokens[place]
        if token.text == "(":
            end = closing(tokens, place)
            inside, inner = _unnest(tokens[place + 1 : end])
            done += [token, *inside, tokens[end]]
            elements |= inner
            place = end + 1
            continue
        done.append(token)
        place += 1
        if token.word == "from":
            in_from, aliases = True, set()
        elif token.word in _ENDS_FROM:
            in_from = in_from and token.word == "on"
        if not in_from or not (token.word in ("from", "join") or token.text == ","):
            continue
        place = _from_item(tokens, place, done, aliases, elements)
    return done, frozenset(elements)


def _from_item(
    tokens: Tokens, place: int, done: list[Token], aliases: set[str], elements: set[str]
) -> int:
    start = next_place(tokens, place)
    if start >= len(tokens) or not tokens[start].is_name:
        return place
    names, end = _chain(tokens, start)
    alias, after = _alias(tokens, end)
    if len(names) > 1 and unquote(names[0]) in aliases and alias:
        position, after = _position(tokens, after)
        path = text_of(_path(names, elements))
        done.append(
            sql(f" LATERAL pg_catalog.super_elements({path}) AS {alias}({alias}{position})")
        )
        elements.add(alias)
        aliases.add(alias)
        return after
    aliases.add(alias or unquote(names[-1]))
    return place


def _alias(tokens: Tokens, place: int) -> tuple[str, int]:
    start = next_place(tokens, place)
    if start < len(tokens) and tokens[start].word == "as":
        start = next_place(tokens, start + 1)
    if start < len(tokens) and tokens[start].is_name and tokens[start].word not in _NOT_ALIAS:
        return unquote(tokens[start]), start + 1
    return "", place


def _position(tokens: Tokens, place: int) -> tuple[str, int]:
    """The name after AT, which counts the elements from 0."""
    at = next_place(tokens, place)
    if at < len(tokens) and tokens[at].word == "at":
        name = next_place(tokens, at + 1)
        return f", {tokens[name].text}", name + 1
    return "", place


def _path(names: list[Token], elements: set[str] | frozenset[str]) -> list[Token]:
    """A column, or what lies inside an unnested element: i.sku."""
    if len(names) > 1 and unquote(names[0]) in elements:
        base = f"{names[0].text}.{names[0].text}"
        keys = ", ".join(_key(unquote(name)) for name in names[1:])
        return [sql(f"pg_catalog.super_path({base}, {keys})")]
    return [sql(".".join(name.text for name in names))]


def _navigate(tokens: Tokens, elements: frozenset[str]) -> list[Token]:
    done: list[Token] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        if not token.is_name or (done and done[-1].text == "."):
            done.append(token)
            place += 1
            continue
        names, end = _chain(tokens, place)
        steps, after = _steps(tokens, end)
        if steps and token.word != "array":
            base = text_of(_path(names, elements))
            done.append(sql(f"pg_catalog.super_path({base}, {', '.join(steps)})"))
            place = after
        elif len(names) > 1 and unquote(names[0]) in elements:
            done += _path(names, elements)
            place = end
        else:
            done.append(token)
            place += 1
    return done


def _steps(tokens: Tokens, place: int) -> tuple[list[str], int]:
    """The path that begins with an index: [0].sku."""
    steps: list[str] = []
    while place < len(tokens):
        if tokens[place].text == "[":
            end = closing(tokens, place)
            steps.append(f"({text_of(tokens[place + 1 : end]).strip()})::text")
            place = end + 1
        elif (
            steps
            and tokens[place].text == "."
            and place + 1 < len(tokens)
            and tokens[place + 1].is_name
        ):
            steps.append(_key(unquote(tokens[place + 1])))
            place += 2
        else:
            break
    return steps, place


def _key(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"
