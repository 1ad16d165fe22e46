"""Tracking numbers: `SHP`, twelve random digits, and a check digit that catches every mistyped digit."""

import secrets
from typing import Final

PREFIX: Final = "SHP"
RANDOM_DIGITS: Final = 12


def new_tracking_number() -> str:
    """A number nobody can guess. The table refuses one that is taken: once in a million at a million parcels."""
    digits = "".join(secrets.choice("0123456789") for _ in range(RANDOM_DIGITS))
    return f"{PREFIX}{digits}{check_digit(digits)}"


def is_tracking_number(text: str) -> bool:
    """Whether this could be a parcel of ours."""
    digits = text.removeprefix(PREFIX)
    well_formed = text.startswith(PREFIX) and len(digits) == RANDOM_DIGITS + 1 and digits.isascii() and digits.isdigit()
    return well_formed and check_digit(digits[:-1]) == digits[-1]


def check_digit(digits: str) -> str:
    """The Luhn digit (ISO/IEC 7812-1) that belongs behind `digits`."""
    doubled = (int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(digits)))
    return str(-sum(value - 9 if value > 9 else value for value in doubled) % 10)  # noqa: PLR2004 - the digits' sum
