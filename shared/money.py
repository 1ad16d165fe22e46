"""Amounts as a person reads them. Everywhere else money is an int of minor units, with its currency."""

from decimal import Decimal

from iso4217 import Currency


def money(minor: int, currency: str) -> str:
    """The amount in its currency: 1500 is `1,500 JPY`, `15.00 EUR` and `1.500 KWD` (ISO 4217).

    The minor units are those of ISO 4217. CLDR's digits, as Babel has them, are another thing: they say what is usual
    in print, and leave HUF, IDR or COP without the two decimals that cards are charged in.
    """
    digits = _digits(currency)
    if digits is None:
        return f"{minor:,} minor units of {currency}"
    return f"{Decimal(minor).scaleb(-digits):,.{digits}f} {currency}"


def _digits(currency: str) -> int | None:
    """After the decimal point; None of what isn't a currency with minor units."""
    try:
        digits: int | None = Currency(currency).exponent
    except ValueError:
        return None
    return digits
