"""JSON as others write it in events."""

import json
from collections.abc import Iterable
from typing import Any, Final

MAX_NESTING: Final = 100
"""No message of the shop comes near it, and what is below it can be written again wherever it was read."""
_TOO_DEEP: Final = f"it is nested deeper than {MAX_NESTING} levels"


def parse_json(text: bytes) -> Any:  # noqa: ANN401 - JSON
    """What the text says.

    Raises:
        ValueError: it isn't JSON, or nested deeper than `MAX_NESTING`.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if _is_too_deep(value):
        raise ValueError(_TOO_DEEP)
    return value


def _is_too_deep(value: object) -> bool:
    level = _containers([value])
    for _ in range(MAX_NESTING):
        level = _containers(part for one in level for part in (one.values() if isinstance(one, dict) else one))
    return bool(level)


def _containers(values: Iterable[object]) -> list[dict[str, object] | list[object]]:
    return [value for value in values if isinstance(value, dict | list)]
