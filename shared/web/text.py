"""One rule for what people write, such as names and addresses: what is accepted can be stored, mailed and printed."""

import re
import unicodedata
from typing import Final

_REFUSED_CATEGORIES: Final = {"Cc", "Cs", "Zl", "Zp"}
"""Controls, halves of a surrogate pair, separators of lines and paragraphs."""
_BIDI: Final = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}
"""Overrides, embeddings and isolates: they show a text in another order than it is stored in."""

MAX_ADDRESS_LENGTH: Final = 254
MAX_LOCAL_PART_LENGTH: Final = 64
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")


def refused_character(text: str) -> str | None:
    """The first character that no line of text may hold, as `U+202E`; None: there is none.

    Any other space, joiner or emoji is taken, also one that this Python's Unicode doesn't know yet: str.isprintable
    refuses the spaces of Japanese keyboards and the joiners of Persian names.
    """
    for character in text:
        if unicodedata.category(character) in _REFUSED_CATEGORIES or ord(character) in _BIDI:
            return f"U+{ord(character):04X}"
    return None


def is_visible(text: str) -> bool:
    """Whether any of it can be seen: joiners, marks of direction and spaces alone name nobody."""
    return any(unicodedata.category(character)[0] not in "CZ" or _is_newer(character) for character in text)


def _is_newer(character: str) -> bool:
    return unicodedata.category(character) == "Cn"  # an emoji that this Python's Unicode doesn't know yet


def is_address(text: str) -> bool:
    """Whether this is one bare address (RFC 5321, dot-atom, ASCII): no name, no list, no quotes, no line end."""
    local_part = text.partition("@")[0]
    return (
        len(text) <= MAX_ADDRESS_LENGTH
        and len(local_part) <= MAX_LOCAL_PART_LENGTH
        and _ADDRESS.fullmatch(text) is not None
    )
