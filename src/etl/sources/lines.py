"""How a received record becomes one line of JSON, when it is not one already.

The judge rejects each of these wrapped lines with its reason, so that no record is lost on the
way to quarantine:

- bytes that are not UTF-8: {"_invalid_utf8_base64": "<all of the record's bytes>"};
- a record that breaks its format: {"_malformed": "<why>", …} with what was received beside it.

Line breaks between JSON tokens become spaces; inside a JSON string they cannot stand.
"""

from __future__ import annotations

import base64
import json

INVALID_UTF8 = "_invalid_utf8_base64"
MALFORMED = "_malformed"


def wrap_invalid_utf8(record: bytes) -> bytes:
    """The line that carries bytes that are not UTF-8."""
    return json.dumps({INVALID_UTF8: base64.b64encode(record).decode()}).encode()


def wrap_malformed(why: str, **received: object) -> bytes:
    """The line that carries a record that breaks its format."""
    return encode_text(json.dumps({MALFORMED: why} | received, ensure_ascii=False))


def encode_text(text: str) -> bytes:
    """UTF-8 bytes of text that was decoded with `surrogateescape`, wrapped if need be."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return wrap_invalid_utf8(text.encode("utf-8", "surrogateescape"))


def encode_json(text: str) -> bytes:
    """One line of a JSON value that may be spread over several."""
    return encode_text(text.replace("\n", " ").replace("\r", " "))
