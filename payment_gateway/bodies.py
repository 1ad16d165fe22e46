"""What clients send, and the test cards: each token promises how the gateway behaves. Amounts are int minor units."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

MAX_AMOUNT_CENTS: Final = 10**12
"""Ten thousand million: beyond any order, and sums of them still fit in 64 bits."""


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


def _known_currency(currency: str) -> str:
    if currency not in CURRENCIES:
        raise ValueError(f"unknown currency; use one of {', '.join(sorted(CURRENCIES))}")
    return currency


def _known_token(token: str) -> str:
    if token not in CARDS:
        raise ValueError(f"unknown card token; use one of {', '.join(CARDS)}")
    return token


Key = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,255}$")]
"""Printable ASCII without spaces: what fits into a header unchanged."""
Amount = Annotated[int, Field(gt=0, le=MAX_AMOUNT_CENTS)]
Currency = Annotated[str, AfterValidator(_known_currency)]
Token = Annotated[str, AfterValidator(_known_token)]


class Body(BaseModel):
    """Exactly these fields, of exactly these types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class ChargeBody(Body):
    """Take this amount from this card; `reference` is what the merchant knows it by."""

    amount_cents: Amount
    currency: Currency
    token: Token
    reference: Key


class RefundBody(Body):
    """Give back this amount, or all that is left."""

    charge_id: Key
    amount_cents: Amount | None = None


class KeyBody(Body):
    """Close this key."""

    key: Key
