"""Answers to names that nobody knows."""

import difflib
from collections.abc import Sequence


def unknown_name(name: str, known: Sequence[str], what: str = "process") -> str:
    """A sentence that names the nearest known name, or all of them."""
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if nearest:
        return f"there is no {what} {name!r}; did you mean {nearest[0]}?"
    return f"there is no {what} {name!r}; there are: {', '.join(known)}"
