"""What clients send. Amounts are int minor units."""

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from payment_gateway.cards import CARDS, CURRENCIES

MAX_AMOUNT_CENTS: Final = 10**12
"""Ten thousand million: beyond any order, and sums of them still fit in 64 bits."""


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

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


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
