"""What a stock keeping unit may look like."""

import re
from typing import Final

_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

SKU_RULE: Final = "1 to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit"


def is_sku(text: str) -> bool:
    """Whether a product could have this SKU; whatever else people send never reaches the database."""
    return _PATTERN.fullmatch(text) is not None
