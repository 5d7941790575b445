"""Documents with something wrong in them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

# What readers stumble over: marks, halves of things, numbers that Python's int() refuses, depth.
PIECES = st.sampled_from(
    [
        *(b"", b"\n", b"\r", b"\r\n", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc3"),
        *(b'"', b"'", b"\\", b"\\u", b"\\ud800", b"{", b"}", b"[", b"]", b",", b":", b";", b"\t"),
        *(b"{}", b"[]", b"null", b"NaN", b"-", b"1e999", b"7" * 5000, b"[" * 3000, b'{"a":' * 3000),
        *(
            b"\r" + b"[" * 3000,
            "\u2028é😀".encode(),
            b"\x1f\x8b",
            b"\x28\xb5\x2f\xfd",
            b"%s",
            b"&a",
        ),
    ]
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def damaged(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> bytes:
    """Bytes of which up to three pieces are replaced; often none."""
    body = draw(bodies)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(body)))
        length = draw(st.sampled_from([0, 0, 1, 2, 9, len(body)]))
        piece = draw(PIECES | st.binary(max_size=4))
        body = body[:start] + piece + body[start + length :]
    return body


@st.composite
def changed(draw: st.DrawFn, document: Any) -> Any:
    """The document with one to three of its values replaced or taken away."""
    made = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(made))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        if draw(st.booleans()):
            holder[key] = draw(JSON_VALUES)
        elif isinstance(holder, dict):
            del holder[key]
        else:
            holder.pop(key)
    return made


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict | list):
        for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
            yield value, key
            yield from _places(inner)
