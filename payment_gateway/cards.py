"""The test cards: each token is a promise of how the gateway behaves."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final


class Reply(Enum):
    """When the first answer to a charge leaves. Repeats with the same key are answered at once."""

    AT_ONCE = auto()
    LATE = auto()
    """The charge is committed long before the answer."""
    NEVER = auto()
    """The charge is committed, then the connection breaks."""


@dataclass(frozen=True, slots=True)
class Card:
    """What the gateway does with a charge to this card."""

    approves: bool = True
    in_order: bool = True
    reply: Reply = Reply.AT_ONCE


CARDS: Final[dict[str, Card]] = {
    "tok_visa": Card(),
    "tok_declined": Card(approves=False),
    "tok_slow": Card(reply=Reply.LATE),
    "tok_lost": Card(reply=Reply.NEVER),
    "tok_error": Card(in_order=False),
}

CURRENCIES: Final = frozenset(
    {"AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "INR", "JPY", "KRW", "MXN", "NOK"}
    | {"NZD", "PLN", "RON", "SEK", "SGD", "TRY", "USD", "ZAR"}
)
"""ISO 4217 codes that the gateway settles in."""
